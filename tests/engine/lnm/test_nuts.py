"""LNM and LNMVCP by NUTS: what it agrees in with the nested Laplace fit, and what a fit keeps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.checks import predictive_check, score
from engine.data import Counts, simulate
from engine.lnm.config import FEWEST_DRAWS
from engine.lnm.nuts import start
from engine.lnm.nuts.diagnostics import bulk_ess, diagnostics_words, rhat
from engine.results import Fit
from engine.summaries import clr_correlation, clr_correlation_interval
from tests.engine.problems import counts_of, upper

pytestmark = pytest.mark.fit

# The draws of NUTS have one prior of the capture, not the average over several.
LAPLACE = engine.LNMConfig(capture=True, n_factors=2, capture_prior="anchored")
NUTS = replace(LAPLACE, inference="nuts", n_warmup=150, n_draws=300, n_chains=2, seed=1)
# Too short to be believed, by the same programs: for what becomes of a fit on its way.
BRIEF = replace(NUTS, d_mode="low_rank", n_draws=60)


@pytest.fixture(scope="module")
def counts() -> Counts:
    adata = simulate("lnmvcp", cells=60, genes=12, factors=2, seed=1, mean_total=480)
    return engine.read_counts(adata, genes="all")


@pytest.fixture(scope="module")
def laplace(counts: Counts) -> Fit:
    return engine.fit(counts, LAPLACE)


@pytest.fixture(scope="module")
def nuts(counts: Counts, laplace: Fit) -> Fit:
    *_, last = engine.fit_iter(counts, NUTS, start=laplace)
    assert last.snapshot is not None
    assert last.status.reason == last.snapshot().status.reason
    return last.snapshot()


@pytest.fixture(scope="module")
def on_its_way(counts: Counts) -> list[engine.Progress]:
    return list(engine.fit_iter(counts, BRIEF))


class TestPosterior:
    def test_latents_are_where_laplace_has_them(self, nuts: Fit, laplace: Fit) -> None:
        """In posterior standard deviations; NUTS' own include the doubt about the parameters."""
        away = np.abs(nuts.scores - laplace.scores) / nuts.scores_sd
        assert away.mean() < 0.1
        ratio = np.median(nuts.scores_sd / laplace.scores_sd)
        assert 1 < ratio < 1.2

    def test_capture_is_where_quadrature_has_it(self, nuts: Fit, laplace: Fit) -> None:
        """Exact there too: all that is left is the error of 600 draws, about 0.04 sd."""
        assert nuts.capture is not None
        assert laplace.capture is not None
        for name in ("eta", "efficiency"):
            sd = getattr(laplace.capture, f"{name}_sd")
            away = np.abs(getattr(nuts.capture, name) - getattr(laplace.capture, name)) / sd
            assert away.mean() < 0.1
            assert np.median(getattr(nuts.capture, f"{name}_sd") / sd) == pytest.approx(1, abs=0.05)

    def test_clr_correlations(self, nuts: Fit, laplace: Fit) -> None:
        """Laplace's lie inside the intervals, and from their means by no more than 0.04.

        Posterior means of correlations of unsure sign are nearer to zero than the mode's (here by
        some 5 %), and Monte Carlo adds 0.01 (sd 0.12 of a correlation, over 150 effective draws).
        """
        genes = laplace.genes[laplace.is_gene]
        found = clr_correlation_interval(nuts, genes)
        own = upper(clr_correlation(laplace, genes))
        assert np.abs(found["mean"] - own).mean() < 0.04
        assert ((own > found["lower"]) & (own < found["upper"])).mean() > 0.9
        assert np.corrcoef(found["mean"], own)[0, 1] > 0.98

    def test_parameters(self, nuts: Fit, laplace: Fit) -> None:
        assert np.abs(nuts.mean_clr - laplace.mean_clr).max() < 0.1
        assert abs(np.log(nuts.noise / laplace.noise).mean()) < 0.2
        cosines = np.sum(nuts.loadings * laplace.loadings, 0) / (
            np.linalg.norm(nuts.loadings, axis=0) * np.linalg.norm(laplace.loadings, axis=0)
        )
        assert (cosines > 0.95).all(), "columns in the same order, of the same sign"
        np.testing.assert_allclose(nuts.loadings.sum(0), 0, atol=1e-9)

    def test_chains_agree_and_say_so(self, nuts: Fit) -> None:
        judged = nuts.diagnostics
        assert set(judged["quantities"]) == {
            "log density",
            "mean",
            "CLR covariance",
            "log d",
            "eta",
        }
        assert judged["worst_rhat"] < 1.05
        assert judged["least_ess"] > 60
        assert (judged["chains"], judged["draws"]) == (2, NUTS.n_draws)
        assert nuts.status.state == "converged"
        assert diagnostics_words(judged) in nuts.status.reason
        assert nuts.status.passes == NUTS.n_warmup + NUTS.n_draws

    def test_the_functions_of_a_fit_take_it(self, nuts: Fit, counts: Counts) -> None:
        """By the Laplace kernel at the posterior means."""
        placed = engine.transform(nuts, counts)
        np.testing.assert_array_equal(placed.log_marginal, nuts.log_marginal)
        assert (np.abs(placed.scores - nuts.scores) / nuts.scores_sd).mean() < 0.2
        assert 1 < score(nuts, counts).perplexity < counts.n_genes
        check = predictive_check(nuts, counts, n_draws=20)
        assert check.n_failed == 0

    def test_round_trip(self, nuts: Fit, tmp_path: Path) -> None:
        read = engine.load(nuts.save(tmp_path / "nuts.h5ad"))
        assert isinstance(read, Fit)
        assert read.config == NUTS
        assert read.diagnostics == nuts.diagnostics
        assert read.status == nuts.status
        assert read.draws.keys() == {"mean_clr", "loadings", "noise"}
        for name, array in nuts.draws.items():
            np.testing.assert_array_equal(read.draws[name], array)
            assert 150 <= len(array) <= 200

    def test_intervals_need_draws(self, laplace: Fit) -> None:
        with pytest.raises(engine.DataError, match="Expected a fit that keeps draws"):
            clr_correlation_interval(laplace, laplace.genes[:2])


class TestOnItsWay:
    """A fit's phases, what it has when stopped, and what is refused."""

    def test_there_is_a_fit_once_there_are_draws_enough(
        self, on_its_way: list[engine.Progress]
    ) -> None:
        phases = [progress.phase for progress in on_its_way]
        assert any(phase.startswith("Laplace fit") for phase in phases)
        assert phases.index("warming up") < phases.index("drawing") < phases.index("finishing")
        for progress in on_its_way:
            if progress.status.passes < BRIEF.n_warmup + FEWEST_DRAWS:
                assert progress.snapshot is None
        last = on_its_way[-1]
        assert last.status.passes == BRIEF.n_warmup + BRIEF.n_draws
        assert last.fraction == 1
        fractions = [progress.fraction for progress in on_its_way]
        assert all(before <= after for before, after in pairwise(fractions))

    def test_stopped_it_keeps_the_draws_so_far(self, on_its_way: list[engine.Progress]) -> None:
        running = [p for p in on_its_way if p.snapshot is not None and p.fraction < 1]
        assert running
        build = running[0].snapshot
        assert build is not None
        fit = build()
        assert isinstance(fit, Fit)
        assert fit.diagnostics["draws"] == FEWEST_DRAWS
        assert fit.status.state == "running"
        assert "NUTS: worst R-hat" in fit.status.reason
        assert np.isfinite(fit.scores).all()
        assert (fit.noise == 0).all()
        assert "log d" not in fit.diagnostics["quantities"]

    def test_chains_cannot_be_gone_on_with(
        self, counts: Counts, on_its_way: list[engine.Progress]
    ) -> None:
        build = on_its_way[-1].snapshot
        assert build is not None
        with pytest.raises(engine.ConfigError, match="whose chains are not kept"):
            next(engine.fit_iter(counts, BRIEF, start=build()))

    def test_too_little_time_is_told(self, counts: Counts) -> None:
        with pytest.raises(engine.FitError, match="150 iterations of warm-up and at least 50"):
            list(engine.fit_iter(counts, replace(BRIEF, max_seconds=0.01)))

    def test_large_data_are_refused(self) -> None:
        rng = np.random.default_rng(0)
        large = counts_of(rng.poisson(2.0, (start.MOST_COUNTS // 50 + 1, 50)))
        with pytest.raises(engine.ConfigError, match="at most 100,000 counts") as error:
            engine.fit(large, BRIEF)
        assert "2,001 cells x 50 genes" in str(error.value)
        assert "inference='laplace'" in str(error.value)


class TestDiagnostics:
    def test_chains_that_have_met(self) -> None:
        draws = np.random.default_rng(0).standard_cauchy((4, 500, 3))
        assert (rhat(draws) < 1.01).all()
        assert (np.abs(bulk_ess(draws) / 2000 - 1) < 0.25).all()

    @pytest.mark.parametrize("fault", ["location", "scale", "drift"])
    def test_chains_that_have_not(self, fault: str) -> None:
        draws = np.random.default_rng(1).normal(size=(4, 500, 1))
        if fault == "location":
            draws[0] += 1
        elif fault == "scale":
            draws[0] *= 3
        else:
            draws += np.linspace(-1, 1, 500)[:, None]
        assert rhat(draws)[0] > 1.05

    def test_slow_chains_are_worth_few_draws(self) -> None:
        """An autoregression of 0.9: (1 - 0.9) / (1 + 0.9) of the draws."""
        rng = np.random.default_rng(2)
        draws = np.zeros((4, 2000, 1))
        for step in range(1, 2000):
            draws[:, step] = 0.9 * draws[:, step - 1] + rng.normal(size=(4, 1))
        assert bulk_ess(draws)[0] == pytest.approx(8000 * 0.1 / 1.9, rel=0.3)

    def test_what_is_said(self) -> None:
        good = {"worst_rhat": 1.004, "least_ess": 420.0, "divergences": 0, "draws": 500}
        judged = {**good, "chains": 4}
        assert diagnostics_words(judged) == "NUTS: worst R-hat 1.004, least ESS 420, 0 divergences"
        assert "1 divergence; warning: trajectories" in diagnostics_words(
            {**judged, "divergences": 1}
        )
        assert "warning: R-hat above 1.01" in diagnostics_words({**judged, "worst_rhat": 1.02})
        assert "have not met" in diagnostics_words({**judged, "worst_rhat": 1.3})
        assert "fewer than 100 effective" in diagnostics_words({**judged, "least_ess": 20.0})
