"""Whole fits: what they find, and what must not change it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import Counts, simulate, true_clr_correlation
from engine.fitting.compilation import seconds_compiling
from engine.lnm.config import DMode
from engine.results import Fit
from tests.compiling import compiled_quickly
from tests.engine.lnm.conftest import Simulated
from tests.engine.problems import clr_agreement, counts_of, dense, passes_of, pearson

pytestmark = pytest.mark.fit

# A program is compiled for a shape of blocks: one serves all fits of so many genes, however many
# their cells.
FORTY_GENES = engine.LNMConfig(n_factors=2, block_cells=100)
TWENTY_GENES = engine.LNMConfig(n_factors=2, block_cells=80)


def reordered(counts: Counts, cells: np.ndarray, genes: np.ndarray) -> Counts:
    matrix = dense(counts)[np.ix_(cells, genes)]
    return Counts.from_arrays(
        matrix,
        counts.genes[genes],
        counts.cells[cells],
        reference=counts.genes[counts.reference],
    )


class TestTruth:
    def test_clr_correlations(self, simulated: Simulated) -> None:
        fit = simulated.fit
        assert fit.status.state == "converged"
        assert fit.status.n_failed_cells == 0
        assert pearson(engine.summaries.clr_correlation(fit), simulated.truth) > 0.97

    def test_residual_variances(self, simulated: Simulated) -> None:
        fit = simulated.fit
        truth = simulated.noise[fit.genes]
        real = (truth > 0).to_numpy()
        found = np.log(fit.noise[real])
        truth = np.log(truth[real])
        assert np.median(found) == pytest.approx(np.median(truth), abs=0.15)
        assert np.corrcoef(found, truth)[0, 1] > 0.8

    def test_factors_keep_their_size(self) -> None:
        """Few cells for many genes: a prior on W must not shrink all factors together.

        Pearson correlation with the truth would not see it, the CLR correlations do.
        """
        adata = simulate("lnm", cells=300, genes=300, factors=3, seed=5)
        counts = engine.read_counts(adata, genes="all")
        fit = engine.fit(counts, engine.LNMConfig(n_factors=3))
        truth = adata.varm["true_loadings"]
        truth = truth - truth.mean(0)
        assert (fit.loadings**2).sum() == pytest.approx((truth**2).sum(), rel=0.1)
        second = fit.scores.T @ fit.scores / 300 + np.diag((fit.scores_sd**2).mean(0))
        np.testing.assert_allclose(second, np.eye(3), atol=0.1)
        np.testing.assert_allclose(fit.scores.mean(0), 0, atol=0.1)

    def test_a_reference_that_varies(self) -> None:
        """Factors need not represent it: it would correlate with the genes of these factors."""
        rng = np.random.default_rng(0)
        loadings = np.zeros((40, 2))
        loadings[:12, 0] = loadings[12:24, 1] = 0.8
        logits = rng.normal(size=(300, 2)) @ loadings.T + np.sqrt(0.3) * rng.normal(size=(300, 40))
        logits[:, -1] += 3
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        fit = engine.fit(counts_of(rng.poisson(400 * shares)), replace(FORTY_GENES, seed=0))
        assert fit.noise[fit.reference] == pytest.approx(0.3, rel=0.2)
        centring = np.eye(40) - 1 / 40
        covariance = centring @ (loadings @ loadings.T + 0.3 * np.eye(40)) @ centring
        truth = covariance[-1] / np.sqrt(covariance[-1, -1] * np.diag(covariance))
        found = engine.summaries.clr_correlation(fit).to_numpy()[-1]
        assert np.abs(found - truth).max() < 0.2

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_sparse_counts(self, seed: int) -> None:
        """1.5 counts a gene: plain Laplace doubles d here, and gets worse as it goes on."""
        adata = simulate("lnm", cells=1500, genes=40, factors=2, seed=seed, counts_per_gene=1.5)
        counts = engine.read_counts(adata, genes="all")
        truth = true_clr_correlation(adata)
        config = replace(FORTY_GENES, seed=seed)
        fits = [p.snapshot() for p in passes_of(engine.fit_iter(counts, config))]
        along = [pearson(engine.summaries.clr_correlation(fit), truth) for fit in fits]
        last = fits[-1]
        noise = adata.var["true_noise"].reindex(last.genes)[last.noise > 0]
        assert np.median(last.noise[last.noise > 0]) == pytest.approx(np.median(noise), rel=0.3)
        assert along[-1] > 0.95
        assert along[-1] >= max(along) - 0.005

    def test_low_rank(self) -> None:
        adata = simulate("lnm", cells=400, genes=40, factors=2, seed=1, noise=0)
        counts = engine.read_counts(adata, genes="all")
        fit = engine.fit(counts, replace(FORTY_GENES, d_mode="low_rank"))
        assert fit.status.state == "converged"
        assert not fit.noise.any()
        truth = true_clr_correlation(adata)
        assert pearson(engine.summaries.clr_correlation(fit), truth) > 0.99
        learned = engine.fit(counts, FORTY_GENES)
        assert np.median(learned.noise) < 0.01
        assert learned.log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell, abs=1.0)

    def test_the_right_number_of_factors_has_the_best_marginal(self, simulated: Simulated) -> None:
        """Objectives carry all constants, so that numbers of factors and d-modes compare."""
        fewer = engine.fit(simulated.counts, replace(simulated.config, n_factors=2))
        poorer = engine.fit(simulated.counts, replace(simulated.config, d_mode="low_rank"))
        best = simulated.fit.log_marginal_per_cell
        assert fewer.log_marginal_per_cell < best - 1
        assert poorer.log_marginal_per_cell < best - 1


class TestInvariance:
    """In float64: the path may differ by rounding only, so the optimum by next to nothing."""

    @pytest.fixture(autouse=True)
    def quickly(self, request: pytest.FixtureRequest) -> Iterator[None]:
        """Which arithmetic LLVM makes of it is nothing to what must not change a fit."""
        with compiled_quickly():
            request.getfixturevalue("small_fit")
            yield

    @staticmethod
    def same(one: Fit, other: Fit, objective: float = 1e-6, agreement: float = 1e-6) -> None:
        assert other.log_marginal_per_cell == pytest.approx(
            one.log_marginal_per_cell, abs=objective
        )
        assert clr_agreement(one, other) > 1 - agreement

    @pytest.mark.parametrize("block_cells", [7, 40, 1_000])
    def test_block_partition(
        self,
        small: Counts,
        small_config: engine.LNMConfig,
        small_fit: Fit,
        block_cells: int,
    ) -> None:
        other = engine.fit(small, replace(small_config, block_cells=block_cells))
        self.same(small_fit, other)
        np.testing.assert_allclose(other.scores, small_fit.scores, atol=1e-4)

    def test_cell_order(
        self, small: Counts, small_config: engine.LNMConfig, small_fit: Fit
    ) -> None:
        order = np.random.default_rng(0).permutation(small.n_cells)
        shuffled = reordered(small, order, np.arange(small.n_genes))
        other = engine.fit(shuffled, small_config)
        # Another start, as the first singular vector is drawn in another order.
        self.same(small_fit, other, objective=1e-3, agreement=1e-4)
        np.testing.assert_allclose(other.log_marginal, small_fit.log_marginal[order], atol=0.05)

    def test_gene_order(
        self, small: Counts, small_config: engine.LNMConfig, small_fit: Fit
    ) -> None:
        order = np.random.default_rng(0).permutation(small.n_genes)
        shuffled = reordered(small, np.arange(small.n_cells), order)
        other = engine.fit(shuffled, small_config)
        self.same(small_fit, other, objective=1e-3, agreement=1e-4)
        assert other.genes[other.reference] == small_fit.genes[small_fit.reference]

    def test_streamed_from_disk(
        self, small: Counts, small_config: engine.LNMConfig, small_fit: Fit, tmp_path: Path
    ) -> None:
        adata = simulate("lnm", cells=120, genes=16, factors=2, seed=3, mean_total=800)
        adata.write_h5ad(tmp_path / "small.h5ad")
        streamed = engine.read_counts(tmp_path / "small.h5ad", genes="all", backed=True)
        assert streamed.matrix() is None
        other = engine.fit(streamed, small_config)
        self.same(small_fit, other, objective=1e-9, agreement=1e-9)
        np.testing.assert_allclose(other.scores, small_fit.scores, atol=1e-6)

    @pytest.mark.parametrize("mode", ["learned", "low_rank"])
    def test_reference_is_only_a_name(self, small: Counts, mode: DMode) -> None:
        config = engine.LNMConfig(n_factors=2, d_mode=mode, precision="float64")
        moved = replace(small, reference=4)
        one, other = engine.fit(small, config), engine.fit(moved, config)
        np.testing.assert_array_equal(one.log_marginal, other.log_marginal)
        np.testing.assert_array_equal(one.loadings, other.loadings)
        np.testing.assert_array_equal(one.noise, other.noise)
        assert (one.reference, other.reference) == (15, 4)


class TestSeeds:
    def test_two_seeds_end_at_one_optimum(self, simulated: Simulated) -> None:
        other = engine.fit(simulated.counts, replace(simulated.config, seed=7))
        assert other.log_marginal_per_cell == pytest.approx(
            simulated.fit.log_marginal_per_cell, abs=0.1
        )
        assert clr_agreement(simulated.fit, other) > 0.999

    def test_one_seed_is_reproducible(self, simulated: Simulated) -> None:
        # Not the fixture's: another file's tests may have compiled its programs otherwise.
        fits = [engine.fit(simulated.counts, simulated.config) for _ in range(2)]
        np.testing.assert_array_equal(fits[0].loadings, fits[1].loadings)
        np.testing.assert_array_equal(fits[0].scores, fits[1].scores)


class TestPrecision:
    def test_float32_ends_where_float64_does(self, simulated: Simulated) -> None:
        with compiled_quickly():
            exact = engine.fit(simulated.counts, replace(simulated.config, precision="float64"))
        single = simulated.fit
        assert single.log_marginal_per_cell == pytest.approx(exact.log_marginal_per_cell, abs=0.02)
        assert clr_agreement(single, exact) > 0.9999
        np.testing.assert_allclose(single.mean_clr, exact.mean_clr, atol=0.02)

    def test_abundant_and_noisy_genes_cost_float32_no_cell(self) -> None:
        """As in a microbiome: tens of thousands of counts on logits that spread widely."""
        adata = simulate(
            "lnm", cells=150, genes=20, factors=2, seed=0, mean_total=30_000, noise=1.0
        )
        counts = engine.read_counts(adata, genes="all")
        config = replace(TWENTY_GENES, max_passes=60)
        single = engine.fit(counts, config)
        with compiled_quickly():
            exact = engine.fit(counts, replace(config, precision="float64"))
        assert single.status.n_failed_cells == exact.status.n_failed_cells == 0
        assert single.log_marginal_per_cell == pytest.approx(exact.log_marginal_per_cell, abs=0.05)


class TestExtremes:
    def test_cells_and_genes_at_the_edge(self) -> None:
        """A cell with all counts in one gene, cells of one count, a gene seen once."""
        rng = np.random.default_rng(0)
        matrix = rng.poisson(np.exp(rng.normal(0, 1, 20)), (80, 20)).astype(float)
        matrix[0] = 0
        matrix[0, 3] = 5000
        matrix[1:4] = 0
        matrix[[1, 2, 3], [0, 5, 19]] = 1
        matrix[:, 7] = 0
        matrix[10, 7] = 1
        for d_mode in ("learned", "low_rank"):
            fit = engine.fit(counts_of(matrix), replace(TWENTY_GENES, d_mode=d_mode))
            assert fit.status.n_failed_cells == 0
            for values in (fit.loadings, fit.mean_clr, fit.noise, fit.scores, fit.log_marginal):
                assert np.isfinite(values).all()
            assert (fit.log_marginal <= 0).all()
            assert (fit.scores_sd[1:4] > 0.5).all()
            assert fit.mean_clr.argmin() == 7

    def test_two_genes_one_factor(self) -> None:
        rng = np.random.default_rng(1)
        matrix = rng.multinomial(50, [0.3, 0.7], 30)
        fit = engine.fit(counts_of(matrix), engine.LNMConfig(n_factors=1))
        assert np.isfinite(fit.log_marginal).all()
        assert fit.mean_clr[1] - fit.mean_clr[0] == pytest.approx(np.log(7 / 3), abs=0.15)

    def test_as_many_factors_as_allowed(self, small: Counts) -> None:
        fit = engine.fit(small, engine.LNMConfig(n_factors=15, max_passes=15))
        assert np.isfinite(fit.log_marginal).all()
        assert fit.scores.shape == (120, 15)

    def test_cells_that_are_all_alike(self) -> None:
        """No variance to find: the fit ends, with next to no loadings."""
        matrix = np.tile(np.rint(np.geomspace(5, 160, 20)), (80, 1))
        fit = engine.fit(counts_of(matrix), TWENTY_GENES)
        assert fit.status.state == "converged"
        np.testing.assert_allclose(np.exp(fit.mean_clr - fit.mean_clr[0]), matrix[0] / 5, rtol=0.02)
        assert np.abs(fit.loadings).max() < 0.1


class TestCompilation:
    def test_a_second_fit_of_the_same_shape_compiles_nothing(self) -> None:
        adata = simulate("lnm", cells=150, genes=20, factors=2, seed=0)
        first = engine.read_counts(adata, genes="all")
        second = Counts.from_arrays(dense(first)[::-1], first.genes, first.cells)
        engine.fit(first, TWENTY_GENES)
        before = seconds_compiling()
        fit = engine.fit(second, replace(TWENTY_GENES, seed=4))
        assert seconds_compiling() == before
        assert fit.status.seconds_compiling == 0


def test_the_fit_carries_its_provenance(small: Counts, small_fit: Fit) -> None:
    assert small_fit.genes.equals(small.genes)
    assert small_fit.cells.equals(small.cells)
    assert small_fit.data["fingerprint"] == small.fingerprint
    assert small_fit.versions["jax"]
    assert set(small_fit.prior) == {"loadings_covariance", "noise_location", "noise_scale"}
    np.testing.assert_array_equal(small_fit.total_counts, small.totals)
    assert isinstance(small_fit.obs, pd.DataFrame)
    assert small_fit.capture is None
