"""Covariates of cells in the model: exact slopes, what a fit finds, and where else they count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

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


@dataclass(frozen=True)
class Fitted:
    data: Grouped
    counts: Counts
    fit: Fit


CONFIG = engine.LNMConfig(n_factors=3, formula="~ batch", tolerance=1e-3)


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
