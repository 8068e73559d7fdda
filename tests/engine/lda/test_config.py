from __future__ import annotations

import dataclasses
import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ConfigError, LDAConfig, LNMConfig
from engine.registry import config_from_dict

priors = st.none() | st.floats(1e-3, 1e3) | st.integers(1, 50)

configs = st.builds(
    LDAConfig,
    n_topics=st.integers(1, 500),
    inference=st.sampled_from(["em", "vae"]),
    topic_prior=priors,
    feature_prior=priors | st.lists(st.floats(1e-3, 10), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    max_seconds=st.none() | st.floats(1e-3, 1e6),
    dropout=st.floats(0, 0.9),
    refine=st.booleans(),
)


@given(configs)
def test_round_trip_through_json(config: LDAConfig) -> None:
    again = config_from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert hash(again) == hash(config)
    assert type(again) is LDAConfig


def test_the_kind_is_told_from_the_values() -> None:
    assert type(config_from_dict(LNMConfig().to_dict())) is LNMConfig
    assert LDAConfig().model == "lda"
    assert LDAConfig(n_topics=7).size == 7


@given(
    st.sampled_from([field.name for field in dataclasses.fields(LDAConfig)]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)
def test_any_value_is_taken_or_refused_in_words(name: str, value: Any) -> None:
    try:
        outcome: LDAConfig | ConfigError = LDAConfig(**{name: value})
    except ConfigError as error:
        outcome = error
    if isinstance(outcome, ConfigError):
        assert name in outcome.expected
        assert outcome.remedy.endswith(".")
    else:
        hash(outcome)
        kept = getattr(outcome, name)
        assert (list(kept) if isinstance(kept, tuple) else kept) == value


@pytest.mark.parametrize(
    "value", [1, 0.5, np.float32(0.5), np.int64(2), np.array(0.5), np.array([0.5]), [1], (1.0,)]
)
def test_priors_of_any_numeric_kind(value: Any) -> None:
    config = LDAConfig(n_topics=1, topic_prior=value, feature_prior=value)
    assert config.alpha.shape == (1,)
    assert config.alpha[0] == pytest.approx(float(np.ravel(value)[0]))
    assert json.dumps(config.to_dict())
    hash(config)


@pytest.mark.parametrize("value", [np.array(0.5), jnp.float32(0.5), np.array(1)])
def test_an_array_without_a_dimension_is_one_number(value: Any) -> None:
    config = LDAConfig(n_topics=4, topic_prior=value, feature_prior=value)
    assert config.topic_prior == config.feature_prior == float(value)
    np.testing.assert_array_equal(config.alpha, [float(value)] * 4)


def test_one_value_per_topic_and_feature() -> None:
    config = LDAConfig(n_topics=3, topic_prior=np.array([1, 2, 3]), feature_prior=[0.1, 0.2])
    np.testing.assert_array_equal(config.alpha, [1, 2, 3])
    np.testing.assert_array_equal(config.eta(2), [0.1, 0.2])
    with pytest.raises(ConfigError, match="feature_prior"):
        config.eta(3)
    with pytest.raises(ConfigError, match="one per topic"):
        LDAConfig(n_topics=2, topic_prior=[1, 2, 3])


def test_the_default_priors_are_one_over_k() -> None:
    config = LDAConfig(n_topics=4)
    np.testing.assert_array_equal(config.alpha, [0.25] * 4)
    np.testing.assert_array_equal(config.eta(2), [0.25] * 2)


def test_numpy_scalars_become_plain_numbers() -> None:
    config = LDAConfig(n_topics=np.int64(3), seed=np.uint32(4), tolerance=np.float32(0.5))  # type: ignore[arg-type]
    assert config == LDAConfig(n_topics=3, seed=4, tolerance=0.5)
    assert type(config.n_topics) is int


@pytest.mark.parametrize(
    "wrong", [0, -1.0, np.nan, True, "much", [0.1, 0], [], {}, [[1], "a"], np.array(True)]
)
def test_a_prior_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="feature_prior"):
        LDAConfig(n_topics=2, feature_prior=wrong)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown topics"):
        LDAConfig.from_dict({"n_topics": 3, "topics": 2})


def test_epochs_fall_with_the_number_of_cells() -> None:
    config = LDAConfig(inference="vae")
    numbers = [config.epochs(cells) for cells in (1, 3000, 20_000, 200_000, 10_000_000)]
    assert numbers == sorted(numbers, reverse=True)
    assert (numbers[0], numbers[1], numbers[-1]) == (36, 36, 5)
    assert LDAConfig(max_epochs=3).epochs(10**9) == 3
