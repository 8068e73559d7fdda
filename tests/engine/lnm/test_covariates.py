"""Covariates of cells in the model: exact slopes, what a fit finds, and where else they count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import engine
from engine import checks
from engine.data import Counts
from engine.errors import ConfigError
from engine.lnm import equations
from engine.lnm.covariates import mean_of, own_covariates
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.metric import Metric
from engine.lnm.prior import Prior
from engine.lnm.residual import NARROW
from engine.lnm.sums import Sums, sums_at_mode
from engine.results import Fit
from tests.engine.grouped import Grouped, grouped
from tests.engine.problems import problem


class TestSlopes:
    def test_of_the_likelihood_against_finite_differences(self) -> None:
        """Exact in effects, loadings and mean; the volume's term included."""
        cells = problem([5, 10, 30, 100, 300, 1000])
        rng = np.random.default_rng(3)
        x, effects = rng.normal(size=(6, 2)), 0.5 * rng.normal(size=(8, 2))
        volume = np.array([[0.8, 0.2], [0.2, 1.5]])

        def at(params: equations.Params, effects: np.ndarray, volume: np.ndarray) -> Sums:
            with jax.enable_x64(True):
                found = _sums(params, cells.counts, x, effects, volume)
            return Sums(*(np.asarray(array) for array in found))

        def objective(params: equations.Params, effects: np.ndarray) -> float:
            sums = at(params, effects, np.zeros((2, 2)))
            moments = np.asarray(sums.moments)[:2, :2]
            return float(sums.log_marginal - 0.5 * np.sum(volume * moments))

        sums = at(cells.params, effects, volume)
        for name in ("effects", "loadings", "mean"):
            array = effects if name == "effects" else getattr(cells.params, name)
            for index in np.ndindex(array.shape):
                ends = []
                for sign in (1, -1):
                    moved = array.copy()
                    moved[index] += sign * 1e-5
                    if name == "effects":
                        ends.append(objective(cells.params, moved))
                    else:
                        ends.append(objective(cells.params._replace(**{name: moved}), effects))
                slope = np.asarray(getattr(sums, name))[index]
                assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=2e-7), name

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


@partial(jax.jit)
def _sums(
    params: equations.Params,
    counts: jax.Array,
    covariates: jax.Array,
    effects: jax.Array,
    volume: jax.Array,
) -> Sums:
    own = equations.of_cells(params, covariates, effects)
    start = equations.cold_start(own, counts.sum(1))
    found = equations.find_posterior(own, counts, start, NARROW, tolerance=1e-12, max_steps=60)
    return sums_at_mode(own, counts, jnp.ones_like(counts[:, 0]), found, volume, NARROW, covariates)


def _design(formula: str = "~ a + b + (1 | donor)") -> Design:
    """Two fixed columns, and a group of three levels."""
    number = np.arange(60)
    obs = pd.DataFrame({"a": number % 2 == 0, "b": number % 3 == 0, "donor": number % 3 + 7})
    obs["donor"] = obs["donor"].astype(str)
    return Design.of(formula, obs)


@dataclass(frozen=True)
class Fitted:
    data: Grouped
    counts: Counts
    fit: Fit


CONFIG = engine.LNMConfig(n_factors=3, formula="~ batch")


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """300 cells of two batches, and their fit."""
    rng = np.random.default_rng(5)
    labels = pd.DataFrame({"batch": rng.random(360) < 0.4, "depth": rng.normal(size=360)})
    data = grouped(labels, effect=1.2)
    counts = data.counts.take(np.arange(300))
    return Fitted(data, counts, engine.fit(counts, CONFIG))


@pytest.mark.fit
class TestFit:
    def test_factors_are_within_batches(self, fitted: Fitted) -> None:
        x = fitted.counts.obs["batch"].to_numpy(float)
        explained = [np.corrcoef(x, z)[0, 1] ** 2 for z in fitted.fit.scores.T]
        assert max(explained) < 1e-4

    def test_effects_and_correlations(self, fitted: Fitted) -> None:
        """Those within batches are nearer to the truth than a fit's that knows of none."""
        assert np.corrcoef(fitted.fit.effects[:, 0], fitted.data.effects)[0, 1] > 0.9
        plain = engine.fit(fitted.counts, replace(CONFIG, formula=None))
        upper = np.triu_indices(60, 1)
        error = []
        for fit in (fitted.fit, plain):
            away = engine.summaries.clr_correlation(fit) - fitted.data.correlation
            error.append(float(np.sqrt(np.mean(np.asarray(away)[upper] ** 2))))
        assert error[0] < 0.8 * error[1]
        assert not plain.can("covariates")
        assert plain.effects.shape == (60, 0)

    def test_coefficients_are_relative_to_the_plain_mean(self, fitted: Fitted) -> None:
        table = engine.coefficients(fitted.fit).set_index("gene").loc[list(fitted.fit.genes)]
        error = table["standard_error"]
        away = table["effect"] - fitted.data.effects
        assert abs(away.mean()) < 0.4 * error.mean()
        assert (np.abs(away) < 1.645 * error).mean() > 0.8
        true = fitted.data.effects
        assert ((table["low_90"] <= true) & (true <= table["high_90"])).mean() > 0.8

    def test_read_back_and_gone_on_from(self, fitted: Fitted, tmp_path: Path) -> None:
        fit, counts = fitted.fit, fitted.counts
        read = engine.load(fit.save(tmp_path / "fit.h5ad"))
        assert isinstance(read, Fit)
        assert (read.design, read.prior) == (fit.design, fit.prior)
        np.testing.assert_array_equal(read.effects, fit.effects)
        *_, last = engine.fit_iter(counts, CONFIG, start=read)
        on = last.snapshot()
        assert on.status.passes <= fit.status.passes + 6
        np.testing.assert_allclose(on.effects, fit.effects, atol=0.03)
        with pytest.raises(ConfigError, match="Start a new fit"):
            next(engine.fit_iter(counts, replace(CONFIG, formula=None), start=read))
        assert "~ batch" in engine.summaries.methods_text(fit)

    def test_a_covariate_may_be_called_as_a_column_of_the_fit(
        self, fitted: Fitted, tmp_path: Path
    ) -> None:
        """A file has the fit's own numbers of that name beside it."""
        obs = fitted.counts.obs.assign(total_counts=fitted.counts.obs["depth"])
        design = Design.of("~ total_counts", obs)
        fit = replace(fitted.fit, design=design, obs=obs)
        for step in range(2):
            fit = engine.load(fit.save(tmp_path / f"{step}.h5ad"))  # type: ignore[assignment]
        covariates = own_covariates(fit)
        np.testing.assert_array_equal(covariates, design.encode(obs))

    def test_selected_cells_differ_by_their_covariates_too(self, fitted: Fitted) -> None:
        factors, genes = fitted.fit.contrast(fitted.counts.obs["batch"].to_numpy())
        assert np.abs(factors["difference"]).max() < 0.01
        told = genes.loc[list(fitted.fit.genes), "difference"]
        np.testing.assert_allclose(told, fitted.fit.effects[:, 0], atol=0.02)

    def test_new_cells(self, fitted: Fitted) -> None:
        fit, counts = fitted.fit, fitted.counts
        again = engine.transform(fit, counts)
        np.testing.assert_allclose(again.scores, fit.scores, atol=0.01)
        new = fitted.data.counts.take(np.arange(300, 360))
        placed = engine.transform(fit, new)
        # What is told of their genes has their own covariates.
        genes, cells = np.arange(60), np.arange(60)
        expected = mean_of(fit, new.obs) + placed.scores @ fit.loadings.T
        np.testing.assert_allclose(placed.cell_clr(cells, genes), expected, atol=1e-4)
        other = replace(new, obs=new.obs.assign(batch=~new.obs["batch"]))
        assert engine.transform(fit, other).log_marginal.mean() < placed.log_marginal.mean()
        for obs in (new.obs.drop(columns="batch"), new.obs.assign(batch="third")):
            with pytest.raises(ConfigError):
                engine.transform(fit, replace(new, obs=obs))

    def test_all_checks_know_of_them(self, fitted: Fitted) -> None:
        """Replicated counts have the batches' means; without covariates they would not."""
        fit, counts = fitted.fit, fitted.counts
        blind = replace(fit, design=None)
        batch = np.where(counts.obs["batch"], "b", "a")
        misfits = []
        for one in (fit, blind):
            found = checks.predictive_check(
                one, counts, mode="population", n_draws=20, groups=batch, seed=0
            )
            means = found.misfits[found.misfits["discrepancy"] == "mean"]
            misfits.append(int((means["group"] != "all cells").sum()))
        assert misfits[0] < 5
        assert misfits[1] > 15
        structure = checks.residual_structure(fit, counts)
        assert not structure.significant
        assert checks.residual_structure(blind, counts).significant
        assert checks.laplace_quality(fit, counts, n_cells=8, n_draws=200) is not None
        held = fitted.data.counts.take(np.arange(300, 360))
        assert checks.score(fit, held).perplexity < checks.score(blind, held).perplexity

    def test_uncertainty_is_of_correlations_within(self, fitted: Fitted) -> None:
        fit, counts = fitted.fit, fitted.counts
        genes = np.arange(60)
        found = checks.uncertainty(fit, counts).correlation(genes)
        upper = np.triu_indices(60, 1)
        inside = (found.low <= fitted.data.correlation) & (fitted.data.correlation <= found.high)
        assert inside[upper].mean() > 0.83
        replicates = checks.bootstrap(fit, counts, n_boot=2)
        assert replicates.n_boot == 2
