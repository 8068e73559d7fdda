"""The mean of effects over genes, as far as their counts tell of it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.comparing.effects_table import effects_table
from engine.fitting.centre import centred, variance_between
from engine.fitting.estimates import Estimates

COUNTED = np.arange(82) < 80


def _held(changes: float, of_effects: float, least: float) -> np.ndarray:
    """Shares of effects about their mean within 90 % intervals: as told, and by precision."""
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        effects = np.where(rng.random(82) < changes, rng.normal(0, of_effects, 82), 0.0)
        # A few genes have most of the counts.
        error = least * np.exp(rng.normal(size=82))
        found = effects + error * rng.normal(size=82)
        true = (effects - effects[COUNTED].mean())[COUNTED]
        weights, variance = centred(found, error**2, COUNTED)
        assert weights.sum() == pytest.approx(1)
        assert not weights[~COUNTED].any()
        precision = error[COUNTED] ** -2
        plain = found[COUNTED] - np.average(found[COUNTED], weights=precision)
        own = (found - weights @ found)[COUNTED]
        held.append(
            [
                (np.abs(own - true) < 1.645 * np.sqrt(variance[COUNTED])).mean(),
                (np.abs(plain - true) < 1.645 * error[COUNTED]).mean(),
            ]
        )
    return np.asarray(np.mean(held, axis=0))


@pytest.mark.parametrize(("changes", "least"), [(1.0, 0.02), (1.0, 0.5), (0.3, 0.05)])
def test_effects_about_their_mean_lie_within(changes: float, least: float) -> None:
    own, by_precision = _held(changes, 0.6, least)
    assert 0.88 < own < 0.92
    assert by_precision < own - 0.05


def test_genes_that_do_not_change_are_weighted_by_their_counts() -> None:
    own, by_precision = _held(0.0, 1.0, 0.1)
    assert 0.88 < own < 0.92
    assert by_precision == pytest.approx(own, abs=0.02)


def test_variance_between_effects() -> None:
    rng = np.random.default_rng(0)
    error = np.exp(rng.normal(-2, 1, 4000))
    found = rng.normal(0, 0.4, 4000) + error * rng.normal(size=4000)
    assert np.sqrt(variance_between(found, error**2)) == pytest.approx(0.4, rel=0.05)
    assert variance_between(np.full(5, 3.0), np.ones(5)) == 0
    assert variance_between(np.array([1.0, np.nan]), np.ones(2)) == 0


@pytest.mark.slow
def test_a_gene_without_an_effect_is_as_far_from_zero_as_the_mean_is() -> None:
    """Its interval holds that, and its sign is not told."""
    rng, held, told = np.random.default_rng(0), [], []
    for _ in range(60):
        effects = np.where(np.arange(100) < 25, rng.normal(0, 1.0, 100), 0.0)
        true, error = effects - effects.mean(), np.full(100, 0.05)
        estimate = Estimates(true + error * rng.normal(size=100), error, np.inf)
        tables = [effects_table(estimate, "effect", centre) for centre in (0.0, 0.05)]
        inside = [((t["low_90"] <= true) & (true <= t["high_90"]))[25:].mean() for t in tables]
        held.append(inside)
        told.append([(t["lfsr"] < 0.05)[25:].mean() for t in tables])
    without, within = np.mean(held, axis=0)
    assert within > 0.87
    assert without < within - 0.2
    assert np.mean(told, axis=0)[1] < 0.01


@pytest.mark.slow
def test_intervals_of_few_genes_that_all_change() -> None:
    """What favours genes without an effect, in signs, does not shorten them."""
    rng, held = np.random.default_rng(0), []
    for _ in range(100):
        true, error = rng.normal(0, 0.5, 100), np.full(100, 0.3)
        table = effects_table(Estimates(true + error * rng.normal(size=100), error, np.inf))
        held.append(((table["low_90"] <= true) & (true <= table["high_90"])).mean())
    assert np.mean(held) > 0.885
