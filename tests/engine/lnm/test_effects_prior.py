"""The prior of the effects of covariates: its slopes, steps that know of it, what it learns."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import engine
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.metric import Metric
from engine.lnm.prior import Prior


class TestPrior:
    def test_of_the_prior_against_finite_differences(self) -> None:
        """What factors explain of an effect is at its best in the density, and moves along."""
        rng = np.random.default_rng(0)
        prior = replace(
            EffectsPrior.start(_design(), 7),
            fixed=np.array([0.3, 1.2]),
            random=rng.uniform(0.1, 1, (7, 1)),
            of_factors=np.array([0.6]),
        )
        loadings, effects = rng.normal(size=(7, 2)), rng.normal(size=(7, 5))
        for array, slope in zip((loadings, effects), prior.slopes(loadings, effects), strict=True):
            for index in np.ndindex(array.shape):
                ends = []
                for sign in (1, -1):
                    array[index] += sign * 1e-5
                    ends.append(prior.log_density(loadings, effects))
                    array[index] -= sign * 1e-5
                assert slope[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-4)

    def test_an_effect_along_the_loadings_is_not_shrunk(self) -> None:
        """Next to not at all: else the scores would take up what the prior takes."""
        rng = np.random.default_rng(0)
        prior, loadings = EffectsPrior.start(_design(), 30), rng.normal(size=(30, 2))
        effects = np.zeros((30, 5))
        effects[:, :2] = 3 * loadings @ rng.normal(size=(2, 2))
        _, pull = prior.slopes(loadings, effects)
        shrinking = prior.precision(30)[:, :2] * effects[:, :2]
        assert np.abs(pull[:, :2]).max() < 2e-3 * np.abs(shrinking).max()

    @pytest.mark.parametrize("formula", ["~ a + b", "~ a + b + (1 | donor)"])
    def test_without_factors(self, formula: str) -> None:
        """As the automatic number may be: nothing of an effect is theirs."""
        prior, rng = EffectsPrior.start(_design(formula), 7), np.random.default_rng(0)
        columns = 2 if formula == "~ a + b" else 5
        effects = rng.normal(size=(7, columns))
        of_loadings, pull = prior.slopes(np.zeros((7, 0)), effects)
        assert of_loadings.shape == (7, 0)
        np.testing.assert_allclose(pull, -prior.precision(7) * effects)
        assert prior.explained(np.zeros((7, 0)), effects).shape == (0, columns)

    def test_steps_know_that_effects_may_move_along_the_loadings(self) -> None:
        """Those of Newton in effects, in which prior and curvature are quadratic."""
        rng = np.random.default_rng(0)
        own = replace(EffectsPrior.start(_design(), 9), fixed=np.array([1e-4, 0.5]))
        prior = replace(Prior.start(engine.LNMConfig(n_factors=2)), effects=own)
        loadings, effects = rng.normal(size=(9, 2)), np.zeros((9, 5))
        half = rng.normal(size=(9, 20, 8))
        information = np.swapaxes(half, 1, 2) @ half
        rows, columns = np.triu_indices(8)
        sums = SimpleNamespace(
            curvature=information[:, rows, columns], noise_expected=np.ones(9), noise_outer=0.0
        )
        point = SimpleNamespace(
            prior=prior, sums=sums, n_factors=2, loadings=loadings, effects=effects
        )
        metric = Metric(point, cautious=False)  # type: ignore[arg-type]
        whole = np.zeros((9, 8, 9, 8))
        for g in range(9):
            whole[g, :, g] = information[g]
            whole[g, :2, g, :2] += prior.loadings_precision
            whole[g, 7, g, 7] += 1e-3
        for index in np.ndindex(9, 5):
            moved = effects.copy()
            moved[index] = 1.0
            whole[:, 2:7, index[0], 2 + index[1]] -= own.slopes(loadings, moved)[1]
        slope = rng.normal(size=(9, 9))
        expected = np.linalg.solve(whole.reshape(72, 72), slope[:, :8].ravel()).reshape(9, 8)
        step = metric.solve(slope)
        np.testing.assert_allclose(step[:, :8], expected, rtol=1e-5, atol=1e-7)
        step[:, 8] = 0
        size = np.sqrt((step[:, :8].ravel() @ whole.reshape(72, 72) @ step[:, :8].ravel()) / 81)
        assert metric.root_mean_square(step) == pytest.approx(size, rel=1e-4)

    def test_variances_are_learned(self) -> None:
        """By column of fixed effects, by gene of random ones."""
        rng = np.random.default_rng(0)
        sd = np.where(np.arange(400) < 40, 1.5, 0.2)
        effects = rng.normal(size=(400, 5)) * np.column_stack(
            [np.full(400, 0.1), np.full(400, 0.7), sd, sd, sd]
        )
        prior, loadings = EffectsPrior.start(_design(), 400), rng.normal(size=(400, 2))
        for _ in range(20):
            prior = prior.learn(loadings, effects, np.full((400, 5), 1e-4))
        np.testing.assert_allclose(np.sqrt(prior.fixed), [0.1, 0.7], rtol=0.1)
        learned = np.sqrt(prior.random[:, 0])
        assert np.median(learned[:40]) > 0.8
        assert np.median(learned[40:]) == pytest.approx(0.2, rel=0.3)
        again = EffectsPrior.from_dict(prior.to_dict())
        np.testing.assert_array_equal(again.precision(400), prior.precision(400))


def _design(formula: str = "~ a + b + (1 | donor)") -> Design:
    """Two fixed columns, and a group of three levels."""
    number = np.arange(60)
    obs = pd.DataFrame({"a": number % 2 == 0, "b": number % 3 == 0, "donor": number % 3 + 7})
    obs["donor"] = obs["donor"].astype(str)
    return Design.of(formula, obs)
