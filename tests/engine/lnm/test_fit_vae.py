"""LNM and LNMVCP by stochastic variational inference, held to the nested Laplace fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.checks import score
from engine.data import Counts
from engine.inference.predict import predicted_proportions
from engine.results import Fit
from tests.engine.lnm.conftest import Simulated
from tests.engine.problems import clr_agreement, counts_of, dense, pearson

pytestmark = pytest.mark.fit

# An epoch compiles once for each number of steps and shape of its minibatches: nearly all tests
# train on 800 cells x 80 genes with these settings, and place cells in blocks of one size.
CONFIG = engine.LNMConfig(n_factors=3, inference="vae", hidden=32, batch_cells=47, block_cells=160)
EPOCHS = CONFIG.epochs(800)
# Ends after the first of the epochs that are planned.
ONE_EPOCH = replace(CONFIG, max_epochs=EPOCHS, max_seconds=1e-6)


@pytest.fixture(scope="module")
def vae_fit(simulated: Simulated) -> Fit:
    return engine.fit(simulated.counts, CONFIG)


@pytest.fixture(scope="module")
def brief(simulated: Simulated) -> Fit:
    """Hardly trained: for what a fit is made of."""
    return engine.fit(simulated.counts, ONE_EPOCH)


def amortized(fit: Fit) -> Fit:
    return replace(fit, config=replace(fit.config, refine=False))


class TestFit:
    def test_clr_correlations_are_found_almost_as_by_laplace(
        self, simulated: Simulated, vae_fit: Fit
    ) -> None:
        """r with the truth: 0.995 by Laplace, and here at most 0.005 less."""
        exact = pearson(engine.summaries.clr_correlation(simulated.fit), simulated.truth)
        found = pearson(engine.summaries.clr_correlation(vae_fit), simulated.truth)
        assert found > exact - 0.005
        assert clr_agreement(vae_fit, simulated.fit) > 0.99

    def test_residual_variances_are_found(self, simulated: Simulated, vae_fit: Fit) -> None:
        ratio = vae_fit.noise[:-1] / simulated.noise.to_numpy()[:-1]
        assert np.median(ratio) == pytest.approx(1, abs=0.15)
        # The reference was simulated without any.
        assert vae_fit.noise[vae_fit.reference] < np.quantile(vae_fit.noise, 0.05)

    def test_bound_below_what_it_bounds(self, simulated: Simulated, vae_fit: Fit) -> None:
        """The encoder's bound, the log-marginal at the same parameters, and at the best."""
        alone = engine.transform(vae_fit, simulated.counts, refine=False)
        gap = vae_fit.log_marginal - alone.log_marginal
        assert gap.mean() > 0
        # A cell's bound is a mean over few draws.
        assert np.quantile(gap, 0.02) > -1
        assert gap.mean() < 2
        assert vae_fit.log_marginal_per_cell < simulated.fit.log_marginal_per_cell + 0.1
        assert vae_fit.log_marginal_per_cell > simulated.fit.log_marginal_per_cell - 1

    def test_the_objective_told_in_training_is_the_bound_of_the_cells(
        self, simulated: Simulated, vae_fit: Fit
    ) -> None:
        alone = engine.transform(vae_fit, simulated.counts, refine=False)
        told = vae_fit.trace["log_marginal_per_cell"].iloc[-6:-1].mean()
        assert told == pytest.approx(alone.log_marginal_per_cell, abs=1)

    def test_scores_by_the_encoder_follow_the_refined(
        self, simulated: Simulated, vae_fit: Fit
    ) -> None:
        alone = engine.transform(vae_fit, simulated.counts, refine=False)
        for factor in range(3):
            one, other = alone.scores[:, factor], vae_fit.scores[:, factor]
            assert np.corrcoef(one, other)[0, 1] > 0.9
        # Independent normals are no wider than the posterior along each axis.
        assert 0.5 < np.median(alone.scores_sd / vae_fit.scores_sd) < 1.3

    def test_scores_have_the_scale_of_their_prior(self, simulated: Simulated, vae_fit: Fit) -> None:
        alone = engine.transform(vae_fit, simulated.counts, refine=False)
        np.testing.assert_allclose(alone.scores.mean(0), 0, atol=1e-3)
        # Along the principal axes; each column of W was scaled in the encoder's own basis.
        second = (alone.scores**2 + alone.scores_sd**2).mean(0)
        np.testing.assert_allclose(second.mean(), 1, atol=1e-3)
        np.testing.assert_allclose((vae_fit.scores**2).mean(0), 1, atol=0.15)

    def test_every_view_s_table_is_there(self, vae_fit: Fit) -> None:
        assert np.isfinite(engine.summaries.clr_correlation(vae_fit).to_numpy()).all()
        centred = vae_fit.loadings.sum(0)
        np.testing.assert_allclose(centred, 0, atol=1e-3)
        gram = vae_fit.loadings.T @ vae_fit.loadings
        np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-3 * gram.max())
        assert vae_fit.scores_sd.min() > 0
        assert vae_fit.status.state in ("converged", "completed")
        assert {"loadings_covariance", "noise_location", "noise_scale"} == vae_fit.prior.keys()


class TestTransform:
    def test_training_cells_keep_their_scores(self, simulated: Simulated, brief: Fit) -> None:
        again = engine.transform(brief, simulated.counts)
        np.testing.assert_allclose(again.scores, brief.scores, atol=5e-3)
        np.testing.assert_allclose(again.log_marginal, brief.log_marginal, atol=1e-2)

    def test_refined_is_what_laplace_makes_of_the_same_parameters(
        self, simulated: Simulated, brief: Fit
    ) -> None:
        plain = engine.transform(replace(brief, encoder={}), simulated.counts)
        refined = engine.transform(brief, simulated.counts, refine=True)
        np.testing.assert_allclose(refined.scores, plain.scores, atol=5e-3)
        np.testing.assert_allclose(refined.scores_sd, plain.scores_sd, rtol=1e-2)
        np.testing.assert_allclose(refined.log_marginal, plain.log_marginal, atol=1e-2)

    def test_gene_order_and_subsets_do_not_matter(self, simulated: Simulated, brief: Fit) -> None:
        counts = simulated.counts
        order = np.random.default_rng(3).permutation(counts.n_genes)
        some = counts.block(0, 200)[:, order]
        shuffled = Counts.from_arrays(some, counts.genes[order], counts.cells[:200])
        for refine in (True, False):
            one = engine.transform(brief, counts, refine=refine)
            other = engine.transform(brief, shuffled, refine=refine)
            np.testing.assert_allclose(other.scores, one.scores[:200], atol=2e-3)
            np.testing.assert_allclose(other.log_marginal, one.log_marginal[:200], atol=2e-2)
            assert other.config.refine is refine

    def test_a_fit_without_encoder_has_no_scores_by_it(self, simulated: Simulated) -> None:
        with pytest.raises(engine.ConfigError, match="inference='vae'"):
            engine.transform(simulated.fit, simulated.counts, refine=False)

    def test_proportions_and_score_of_both_kinds(self, simulated: Simulated, brief: Fit) -> None:
        found = []
        for fit in (brief, amortized(brief)):
            parts = [shares for _, shares in predicted_proportions(fit, simulated.counts)]
            shares = np.concatenate(parts)
            np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-4)
            found.append(shares)
            scored = score(fit, simulated.counts)
            assert 1 < scored.perplexity < simulated.counts.n_genes
            assert scored.log_marginal_per_cell is not None
            assert scored.log_marginal_per_cell < 0
            assert scored.is_bound is not fit.config.refine
        assert 1e-4 < np.abs(found[0] - found[1]).max() < 0.5


class TestEdges:
    def test_a_last_batch_of_one_cell(self, simulated: Simulated, vae_fit: Fit) -> None:
        """What would be left over by minibatches of the size that is asked for."""
        assert simulated.counts.n_cells % CONFIG.batch_cells == 1
        assert np.isfinite(vae_fit.scores).all()

    def test_huge_totals(self) -> None:
        rng = np.random.default_rng(5)
        shares = rng.dirichlet(np.full(80, 2.0), 800)
        sizes = np.where(np.arange(800) % 3, 500, 10_000_000)
        drawn = np.stack([rng.multinomial(n, p) for n, p in zip(sizes, shares, strict=True)])
        drawn[0] = 0
        drawn[0, 4] = 30_000_000
        fit = engine.fit(counts_of(drawn), CONFIG)
        for array in (fit.loadings, fit.noise, fit.scores, fit.trace.to_numpy(), fit.mean_clr):
            assert np.isfinite(array).all()
        alone = engine.transform(fit, counts_of(drawn), refine=False)
        assert np.isfinite(alone.log_marginal).all()

    def test_the_objective_told_is_of_the_cells_trained_on(
        self, simulated: Simulated, brief: Fit
    ) -> None:
        """Of every cell and its double half are set aside."""
        counts = simulated.counts
        names = [f"cell_{c}" for c in range(1600)]
        doubled = Counts.from_arrays(np.tile(dense(counts), (2, 1)), counts.genes, names)
        fit = engine.fit(doubled, replace(ONE_EPOCH, validation=0.5))
        name = "log_marginal_per_cell"
        np.testing.assert_allclose(fit.trace[name], brief.trace[name], rtol=0.05)
        assert len(fit.cells) == 1600
        assert np.isfinite(fit.log_marginal).all()

    def test_the_same_seed_gives_the_same_fit(
        self, simulated: Simulated, vae_fit: Fit, brief: Fit
    ) -> None:
        again = engine.fit(simulated.counts, CONFIG)
        np.testing.assert_array_equal(again.loadings, vae_fit.loadings)
        np.testing.assert_array_equal(again.scores, vae_fit.scores)
        other = engine.fit(simulated.counts, replace(ONE_EPOCH, seed=1))
        name = "log_marginal_per_cell"
        assert (other.trace[name] != brief.trace[name]).all()


class TestSteps:
    def test_a_fit_read_back_is_the_same_and_places_cells_alike(
        self, simulated: Simulated, brief: Fit, tmp_path: Path
    ) -> None:
        read = engine.load(brief.save(tmp_path / "fit.h5ad"))
        assert isinstance(read, Fit)
        assert read.config == brief.config
        assert read.encoder.keys() == brief.encoder.keys()
        for name, array in brief.encoder.items():
            np.testing.assert_array_equal(read.encoder[name], array)
        one, other = (
            engine.transform(fit, simulated.counts, refine=False) for fit in (brief, read)
        )
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.log_marginal, other.log_marginal)

    def test_stopped_on_the_way_there_is_a_fit(self, simulated: Simulated, tmp_path: Path) -> None:
        steps = engine.fit_iter(simulated.counts, CONFIG)
        later = next(p for p in steps if p.phase == "training" and p.snapshot is not None)
        steps.close()  # type: ignore[attr-defined]
        assert later.snapshot is not None
        read = engine.load(later.snapshot().save(tmp_path / "fit.h5ad"))
        assert read.status.state == "running"
        assert np.isfinite(engine.transform(read, simulated.counts).scores).all()

    def test_budgets(self, simulated: Simulated, brief: Fit) -> None:
        assert (brief.status.state, brief.status.passes) == ("stopped", 1)
        assert "seconds" in brief.status.reason
        # Fewer than are planned.
        status = engine.fit(simulated.counts, replace(CONFIG, max_epochs=2)).status
        assert (status.state, status.passes) == ("stopped", 2)
        assert "2 epochs allowed" in status.reason

    def test_going_on_from_a_saved_fit(
        self, simulated: Simulated, vae_fit: Fit, tmp_path: Path
    ) -> None:
        read = engine.load(vae_fit.save(tmp_path / "fit.h5ad"))
        *_, last = engine.fit_iter(simulated.counts, CONFIG, start=read)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.passes == vae_fit.status.passes + EPOCHS
        assert fit.log_marginal_per_cell == pytest.approx(vae_fit.log_marginal_per_cell, abs=0.1)
        assert clr_agreement(fit, vae_fit) > 0.999
        # From the first epoch on, though the step is large again.
        told, size = fit.trace["log_marginal_per_cell"].to_numpy(), len(vae_fit.trace)
        assert len(told) == size + EPOCHS + 1
        np.testing.assert_array_equal(told[:size], vae_fit.trace["log_marginal_per_cell"])
        assert told[size] == pytest.approx(told[size - 2], abs=10)
        assert told[0] < told[size] - 20

    def test_either_way_from_a_fit_by_the_other(self, simulated: Simulated, brief: Fit) -> None:
        laplace = engine.LNMConfig(n_factors=3, max_passes=3)
        *_, last = engine.fit_iter(simulated.counts, laplace, start=brief)
        assert last.snapshot is not None
        better = last.snapshot()
        assert better.log_marginal_per_cell > brief.log_marginal_per_cell
        assert not better.encoder
        *_, last = engine.fit_iter(simulated.counts, ONE_EPOCH, start=better)
        assert last.snapshot is not None
        assert last.snapshot().log_marginal_per_cell == pytest.approx(
            better.log_marginal_per_cell, abs=1
        )

    def test_a_start_of_other_factors_is_refused(self, simulated: Simulated, brief: Fit) -> None:
        with pytest.raises(engine.ConfigError, match="3 factors"):
            next(engine.fit_iter(simulated.counts, replace(CONFIG, n_factors=2), start=brief))
