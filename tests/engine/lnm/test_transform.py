from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

import engine
from engine.data import Counts, simulate
from engine.lnm.config import LNMInference
from engine.results import Fit
from tests.engine.lnm.conftest import Simulated
from tests.engine.problems import dense
from tests.tiny import CELLS, FACTORS, GENES, LNM, LNMVCP

pytestmark = pytest.mark.fit


def test_training_cells_keep_their_scores(simulated: Simulated) -> None:
    again = engine.transform(simulated.fit, simulated.counts)
    np.testing.assert_allclose(again.scores, simulated.fit.scores, atol=0.01)
    np.testing.assert_allclose(again.scores_sd, simulated.fit.scores_sd, rtol=0.01)
    np.testing.assert_allclose(again.log_marginal, simulated.fit.log_marginal, atol=0.01)


def test_in_float64_to_the_tolerance_of_newton(small: Counts, small_fit: Fit) -> None:
    again = engine.transform(small_fit, small)
    np.testing.assert_allclose(again.scores, small_fit.scores, atol=2e-3)
    np.testing.assert_allclose(again.log_marginal, small_fit.log_marginal, atol=1e-5)


def test_a_fit_read_back_transforms_alike(small: Counts, small_fit: Fit, tmp_path: Path) -> None:
    read = engine.load(small_fit.save(tmp_path / "fit.h5ad"))
    one, other = engine.transform(small_fit, small), engine.transform(read, small)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.log_marginal, other.log_marginal)


@dataclass(frozen=True)
class Placed:
    """Cells, a fit of the first 500 of them, and the other 300 placed by it."""

    adata: ad.AnnData
    counts: Counts
    fit: Fit
    new: Fit


@pytest.fixture(scope="module")
def placed() -> Placed:
    adata = simulate("lnm", cells=800, genes=60, factors=2, seed=2)
    counts = engine.read_counts(adata, genes="all")
    # In blocks of 300 cells, as many as the new ones and as tests.engine.checks has of so many
    # genes: they share their programs.
    config = engine.LNMConfig(n_factors=2, block_cells=300)
    fit = engine.fit(counts.take(np.arange(500)), config)
    return Placed(adata, counts, fit, engine.transform(fit, counts.take(np.arange(500, 800))))


def test_new_cells_find_their_true_scores(placed: Placed) -> None:
    fit, new = placed.fit, placed.new
    truth = placed.adata.obsm["true_scores"][500:]
    # The factors are known up to a linear map.
    weights, *_ = np.linalg.lstsq(new.scores, truth, rcond=None)
    explained = 1 - ((truth - new.scores @ weights) ** 2).sum() / (truth**2).sum()
    assert explained > 0.8
    assert list(new.cells) == list(placed.counts.cells[500:])
    assert new.log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell, abs=10)


def test_gene_order_does_not_matter(small: Counts, small_fit: Fit) -> None:
    order = np.random.default_rng(3).permutation(small.n_genes)
    shuffled = Counts.from_arrays(dense(small)[:, order], small.genes[order], small.cells)
    one, other = engine.transform(small_fit, small), engine.transform(small_fit, shuffled)
    np.testing.assert_allclose(other.scores, one.scores, atol=1e-6)
    np.testing.assert_allclose(other.log_marginal, one.log_marginal, atol=1e-6)
    assert other.genes.equals(small_fit.genes)
    assert other.reference == small_fit.reference


def test_what_belongs_to_the_model_stays(placed: Placed) -> None:
    fit, new = placed.fit, placed.new
    np.testing.assert_array_equal(new.loadings, fit.loadings)
    np.testing.assert_array_equal(new.noise, fit.noise)
    assert new.scores.shape == new.scores_sd.shape == (300, 2)
    assert new.totals == fit.totals
    np.testing.assert_array_equal(new.total_counts, placed.counts.totals[500:])
    assert new.data["fingerprint"] != fit.data["fingerprint"]


def test_capture_of_new_cells() -> None:
    """Some of the cells, in an order of their own: of the 160 the last 80, backwards."""
    adata = simulate("lnmvcp", cells=2 * CELLS, genes=GENES, factors=FACTORS, seed=0)
    counts = engine.read_counts(adata, genes="all")
    fit = engine.fit(counts, replace(LNMVCP, block_cells=CELLS, max_passes=3))
    last = np.arange(2 * CELLS)[: CELLS - 1 : -1]
    new = engine.transform(fit, counts.take(last))
    assert fit.capture is not None
    assert new.capture is not None
    np.testing.assert_allclose(new.capture.efficiency, fit.capture.efficiency[last])


def held_out(genes: int = GENES - 1) -> tuple[Counts, ad.AnnData]:
    """Counts of half the cells, and the other half, in which one of their genes is silent.

    The others of the genes are pooled, so that cells and features are as many as in `tests.tiny`.
    """
    adata = simulate("lnm", cells=2 * CELLS, genes=2 * GENES, factors=FACTORS, seed=4)
    counts = engine.read_counts(adata[:CELLS].copy(), genes=genes)
    aside = adata[CELLS:].copy()
    matrix = aside.X.tolil()
    matrix[:, aside.var_names.get_loc(counts.genes[0])] = 0
    aside.X = matrix.tocsr()
    return counts, aside


@pytest.mark.parametrize("inference", ["laplace", "vae"])
def test_held_out_cells_however_their_genes_are_chosen(inference: LNMInference) -> None:
    """From data without a pool: some genes are the fit's, the rest is pooled by both."""
    counts, aside = held_out()
    assert counts.genes[-1] == "_other"
    fit = engine.fit(counts, replace(LNM, inference=inference, max_epochs=1, hidden=8))
    real = fit.genes[fit.is_gene]
    choices = ("all", fit.genes, list(real[::-1]))
    read = [engine.read_counts(aside, genes=genes) for genes in choices]
    assert fit.genes[0] not in read[1].genes
    one, *others = (engine.transform(fit, counts) for counts in read)
    assert len(one.cells) == CELLS
    np.testing.assert_array_equal(one.total_counts, np.asarray(aside.X.sum(1)).ravel())
    for other in others:
        np.testing.assert_array_equal(other.scores, one.scores)
        np.testing.assert_array_equal(other.log_marginal, one.log_marginal)


def test_genes_of_the_fit_alone_do_not_tell_its_pool() -> None:
    counts, aside = held_out()
    fit = engine.fit(counts, LNM)
    only = engine.read_counts(aside[:, list(fit.genes[fit.is_gene])].copy(), genes="all")
    with pytest.raises(engine.DataError, match=r"1 missing \(_other\).*genes=\"all\""):
        engine.transform(fit, only)


@pytest.mark.parametrize("change", ["missing", "renamed"])
def test_missing_genes_are_refused(small: Counts, small_fit: Fit, change: str) -> None:
    names, matrix = list(small.genes), dense(small)
    if change == "missing":
        names, matrix = names[1:], matrix[:, 1:]
    else:
        names[3] = "another"
    with pytest.raises(engine.DataError, match="1 missing"):
        engine.transform(small_fit, Counts.from_arrays(matrix, names, small.cells))


def test_genes_outside_the_fit_join_its_pool(small: Counts, small_fit: Fit) -> None:
    assert small.genes[-1] == "_other"
    matrix, outside = dense(small).copy(), dense(small)[:, :1]
    more = Counts.from_arrays(np.hstack([outside, matrix]), ["new", *small.genes], small.cells)
    matrix[:, -1:] += outside
    pooled = Counts.from_arrays(matrix, small.genes, small.cells)
    one, other = engine.transform(small_fit, pooled), engine.transform(small_fit, more)
    np.testing.assert_array_equal(other.scores, one.scores)


def test_cells_without_counts_of_the_genes_are_told(small: Counts, small_fit: Fit) -> None:
    matrix = dense(small).copy()
    matrix[3] = 0
    with pytest.raises(engine.DataError, match="1 cells without"):
        engine.transform(small_fit, Counts.from_arrays(matrix, small.genes, small.cells))
