from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ConfigError, LNMConfig
from engine.lnm.config import FEWEST_DRAWS, MAX_FACTORS
from engine.registry import config_from_dict

POSITIVE = ("tolerance", "molecules", "capture_sd", "max_seconds", "loadings_scale", "noise_scale")

configs = st.builds(
    LNMConfig,
    capture=st.booleans(),
    n_factors=st.integers(1, MAX_FACTORS),
    inference=st.sampled_from(["laplace", "vae"]),
    refine=st.booleans(),
    max_epochs=st.none() | st.integers(1, 100_000),
    learning_rate=st.floats(1e-6, 1),
    dropout=st.floats(0, 0.9),
    d_mode=st.sampled_from(["learned", "low_rank"]),
    seed=st.integers(0, 2**32 - 1),
    max_passes=st.integers(1, 100_000),
    max_seconds=st.none() | st.floats(1e-3, 1e6),
    tolerance=st.floats(1e-9, 1e3),
    capture_prior=st.sampled_from(["anchored", "population"]),
    molecules=st.floats(1, 1e9),
    noise_location=st.none() | st.floats(-20, 5),
    precision=st.sampled_from(["float32", "float64"]),
    block_cells=st.none() | st.integers(1, 1_000_000),
)


@given(configs)
def test_round_trip_through_json(config: LNMConfig) -> None:
    again = LNMConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert hash(again) == hash(config)


@given(
    st.sampled_from([field.name for field in dataclasses.fields(LNMConfig)]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.lists(st.integers(), max_size=2),
)
def test_any_value_is_taken_or_refused_in_words(name: str, value: Any) -> None:
    """Never another exception; what is taken is what is kept."""
    try:
        outcome: LNMConfig | ConfigError = LNMConfig(**{name: value})
    except ConfigError as error:
        outcome = error
    if isinstance(outcome, ConfigError):
        assert name in outcome.expected
        assert outcome.remedy.endswith(".")
    else:
        assert getattr(outcome, name) == value


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_factors": -1},
        {"n_factors": "some"},
        {"n_factors": MAX_FACTORS + 1},
        {"n_factors": 2.0},
        {"n_factors": True},
        {"n_factors": "3"},
        {"seed": -1},
        {"seed": 2**32},
        {"max_passes": 0},
        {"block_cells": 0},
        {"capture": "yes"},
        {"d_mode": "full"},
        {"inference": "em"},
        {"schedule": "linear"},
        {"refine": None},
        {"hidden": 0},
        {"batch_cells": 1.5},
        {"dropout": 1.0},
        {"learning_rate": 0.0},
        {"max_epochs": 0},
        {"n_warmup": 19},
        {"n_draws": FEWEST_DRAWS - 1},
        {"n_chains": 1},
        {"capture_prior": None},
        {"precision": "float16"},
        {"noise_location": float("inf")},
        *({name: value} for name in POSITIVE for value in (0, -1.0, float("nan"), "1", True)),
    ],
)
def test_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LNMConfig(**wrong)


@pytest.mark.parametrize("name", ["tolerance", "molecules", "capture_sd"])
def test_what_has_no_automatic_value_must_be_given(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        LNMConfig(**{name: None})


def test_numbers_of_numpy_become_plain() -> None:
    config = LNMConfig(
        n_factors=np.int64(3),  # type: ignore[arg-type]
        seed=np.uint32(4),  # type: ignore[arg-type]
        tolerance=np.float32(0.5),  # type: ignore[arg-type]
        molecules=np.float64(3e4),
        refine=np.bool_(False),  # type: ignore[arg-type]
        capture=np.bool_(True),  # type: ignore[arg-type]
    )
    plain = LNMConfig(n_factors=3, seed=4, tolerance=0.5, molecules=3e4, refine=False, capture=True)
    assert config == plain
    assert json.loads(json.dumps(config.to_dict())) == plain.to_dict()
    assert type(config.n_factors) is int


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown factors, k") as error:
        LNMConfig.from_dict({"n_factors": 3, "k": 2, "factors": 1})
    assert "n_factors" in error.value.expected


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LNMConfig().seed = 3  # type: ignore[misc]


def test_model_names() -> None:
    assert LNMConfig().model == "lnm"
    assert LNMConfig(capture=True).model == "lnmvcp"


def test_settings_written_before_there_was_an_encoder_are_read() -> None:
    before = {"capture": True, "n_factors": 4, "d_mode": "learned", "tolerance": 0.003}
    config = config_from_dict(before)
    assert config == LNMConfig(capture=True, n_factors=4)
    assert isinstance(config, LNMConfig)
    assert config.inference == "laplace"


def test_epochs_grow_fewer_with_the_cells() -> None:
    config = LNMConfig(inference="vae")
    found = [config.epochs(cells) for cells in (100, 3000, 30_000, 10_000_000)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (config.full_epochs, 5)
    assert LNMConfig(max_epochs=7).epochs(3000) == 7
