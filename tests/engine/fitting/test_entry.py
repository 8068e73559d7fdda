"""What is not a fit, counts or cells is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine
from engine.checks import score
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.engine.problems import counts_of

COUNTS = counts_of(np.array([[1, 2, 3], [4, 0, 1]]))
TAKE_COUNTS: list[Callable[[Any], object]] = [
    lambda counts: engine.fit(counts, engine.LDAConfig(n_topics=1)),
    lambda counts: engine.fit_iter(counts, engine.LNMConfig()),
    lambda counts: engine.transform(make_fit(), counts),
    lambda counts: engine.topic_proportions(make_topic_fit(), counts),
    lambda counts: engine.elbo(make_topic_fit(), counts),
    lambda counts: engine.perplexity(make_topic_fit(), counts),
    lambda counts: score(make_topic_fit(), counts),
]


@pytest.mark.parametrize("call", TAKE_COUNTS)
def test_counts_are_those_of_read_counts(call: Callable[[Any], object]) -> None:
    for wrong in (np.ones((3, 3)), make_fit().to_anndata(), "counts.h5ad"):
        with pytest.raises(engine.DataError, match=r"Pass engine\.read_counts"):
            call(wrong)


@pytest.mark.parametrize("call", TAKE_COUNTS)
def test_there_is_a_cell(call: Callable[[Any], object]) -> None:
    with pytest.raises(engine.DataError, match="at least one cell"):
        call(COUNTS.take(np.array([], int)))


@pytest.mark.parametrize(
    "call",
    [
        engine.topic_proportions,
        engine.feature_by_topic,
        lambda fit: engine.elbo(fit, COUNTS),
        lambda fit: engine.perplexity(fit, COUNTS),
    ],
)
def test_topics_are_wanted(call: Callable[[Any], object]) -> None:
    with pytest.raises(engine.ConfigError, match=r"a fit of LDA; .* Fit\. .*engine\.transform"):
        call(make_fit())


def test_factors_are_wanted() -> None:
    with pytest.raises(engine.ConfigError, match=r"LNM or .* TopicFit\. .*topic_proportions"):
        engine.transform(make_topic_fit(), COUNTS)  # type: ignore[arg-type]


def test_a_seed_below_zero() -> None:
    with pytest.raises(engine.ConfigError, match="found -1"):
        score(make_topic_fit(), COUNTS, seed=-1)
