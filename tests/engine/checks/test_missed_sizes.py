"""Sizes of what factors leave out, from correlations of scores that are made up."""

from __future__ import annotations

import numpy as np
import pytest

from engine.checks.missed_sizes import MissedSizes, missed_sizes

GENES, MODULE, DRAWS = 150, 50, 8
# A chance correlation of scores, and how much of a correlation the scores of a gene show.
ERROR = 0.03


def symmetric(rng: np.random.Generator, scale: np.ndarray | float) -> np.ndarray:
    upper = np.triu(rng.normal(size=(GENES, GENES)) * scale, 1)
    return np.asarray(upper + upper.T)


def draws(rng: np.random.Generator) -> np.ndarray:
    return np.array([symmetric(rng, ERROR) ** 2 for _ in range(DRAWS)])


def found(true: np.ndarray, attenuation: np.ndarray, significant: bool = False) -> MissedSizes:
    rng = np.random.default_rng(0)
    away = symmetric(rng, ERROR) + true * np.outer(attenuation, attenuation)
    return missed_sizes(away, draws(rng), attenuation, np.ones(GENES), significant=significant)


def test_nothing_is_missed_by_chance() -> None:
    nothing = found(np.zeros((GENES, GENES)), np.linspace(0.2, 1, GENES))
    assert not nothing.sizes.any()
    assert not nothing.shifts.any()
    assert not nothing.of_pairs(np.ones(GENES)).any()


@pytest.mark.parametrize("shown", [1.0, 0.4])
def test_genes_of_a_module_have_their_size_and_others_none(shown: float) -> None:
    """Rare genes too, whose scores show less of it."""
    rng = np.random.default_rng(1)
    module = np.arange(GENES) < MODULE
    true = np.where(np.outer(module, module), symmetric(rng, 1.0) * 0.4, 0)
    attenuation = np.where(module, shown, 1.0)
    sizes = found(true, attenuation).sizes
    rms = np.sqrt((true[:MODULE, :MODULE][np.triu_indices(MODULE, 1)] ** 2).mean())
    assert sizes[module].mean() == pytest.approx(rms, rel=0.15)
    assert np.median(sizes[~module]) < 0.03
    assert sizes[~module].max() < sizes[module].min() / 2


def test_sizes_that_differ_by_chance_only_are_alike() -> None:
    true = symmetric(np.random.default_rng(1), 0.2)
    sizes = found(true, np.ones(GENES)).sizes
    assert sizes.mean() == pytest.approx(0.2, rel=0.1)
    assert sizes.std() < 0.02


def test_centring_spreads_what_genes_with_one_sign_miss() -> None:
    """Pairs of other genes are off by the mean of all covariances."""
    module = np.arange(GENES) < MODULE
    true = np.where(np.outer(module, module), 0.5, 0.0)
    missed = found(true, np.ones(GENES))
    centred = true - true.mean(0) - true.mean(1)[:, None] + true.mean()
    pairs = missed.of_pairs(np.ones(GENES))
    assert missed.shifts[-2:].sum() == pytest.approx(centred[-1, -2], rel=0.2)
    assert pairs[-1, -2] > centred[-1, -2]
    assert pairs[3, 5] == pytest.approx(0.5, rel=0.15)
    assert (found(-true, np.ones(GENES)).of_pairs(np.ones(GENES)) <= 1).all()


def test_what_is_known_to_be_missed_has_a_size() -> None:
    little = symmetric(np.random.default_rng(2), 0.005)
    assert not found(little, np.ones(GENES)).sizes.any()
    assert found(little, np.ones(GENES), significant=True).sizes.any()
