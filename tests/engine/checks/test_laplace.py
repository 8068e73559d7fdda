"""Laplace against importance sampling: where it is good, where not, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import engine
from engine.checks import laplace_quality
from engine.checks.laplace_check import smooth
from engine.data import Counts
from engine.results import Fit
from tests.engine.checks.predictive.truth import simulated
from tests.engine.lnm.test_equations import importance_sample
from tests.engine.problems import Problem, counts_of, problem, unfitted


def known(cells: Problem) -> tuple[Fit, Counts]:
    """A fit with the parameters of a problem."""
    counts = counts_of(cells.counts)
    config = engine.LNMConfig(n_factors=cells.loadings.shape[1])
    return unfitted(counts, config, cells.mean, cells.loadings, cells.noise), counts


def test_both_are_the_log_marginal() -> None:
    """Against importance sampling of all logits, which shares no code with either."""
    cells = problem([10, 30, 100, 300, 1000, 3000], seed=1)
    fit, counts = known(cells)
    found = laplace_quality(fit, counts, n_draws=4000).cells
    assert list(found["cell"]) == list(counts.cells)
    for row, u in zip(found.to_dict("records"), cells.counts, strict=True):
        sampled, error = importance_sample(cells, u)
        noise = np.hypot(error, row["reference_se"])
        assert row["reference"] == pytest.approx(sampled, abs=4 * noise + 2e-3)
        assert row["laplace"] == pytest.approx(sampled, abs=4 * error + 0.02)
    assert (found["pareto_k"] < 0.7).all()


@pytest.mark.slow
def test_the_same_as_the_fit_says() -> None:
    fit, counts = simulated("lnm")
    assert isinstance(fit, Fit)
    found = laplace_quality(fit, counts, n_cells=30)
    assert len(found.cells) == 30
    assert found.n_failed == 0
    assert found.warning is None
    placed = engine.transform(fit, counts)
    own = placed.log_marginal[counts.cells.get_indexer(found.cells["cell"])]
    np.testing.assert_allclose(found.cells["laplace"], own, atol=2e-2)
    difference = found.cells["difference"]
    np.testing.assert_allclose(difference, found.cells["laplace"] - found.cells["reference"])
    assert difference.abs().mean() < 0.05
    again = laplace_quality(fit, counts, n_cells=30)
    assert again.cells.equals(found.cells)


def test_it_warns_where_counts_say_nothing_of_many_factors() -> None:
    """A posterior far from Gaussian: strong programmes that a few counts bear on."""
    cells = problem([4] * 40, genes=8, factors=4, loading_scale=4.0, seed=2)
    found = laplace_quality(*known(cells))
    assert found.warning is not None
    assert "should not be trusted" in found.warning


@pytest.mark.fit
def test_bad_input() -> None:
    fit, counts = simulated("lnm")
    topics, _ = simulated("lda")
    with pytest.raises(engine.ConfigError, match="LNM"):
        laplace_quality(topics, counts)
    with pytest.raises(engine.ConfigError, match="n_draws"):
        laplace_quality(fit, counts, n_draws=3)
    silent = Counts.from_arrays(np.zeros((3, counts.n_genes)), counts.genes, list("abc"))
    with pytest.raises(engine.DataError, match="with counts"):
        laplace_quality(fit, silent)


@pytest.mark.parametrize(("freedom", "reliable"), [(30, True), (1, False)])
def test_weights_of_a_proposal_too_narrow(freedom: int, reliable: bool) -> None:
    """Of Student's t from a normal: the tail of the weights tells which of them it can serve."""
    rng = np.random.default_rng(0)
    scale = 1.2 if reliable else 0.5
    drawn = rng.normal(size=4000) * scale
    log_weights = stats.t.logpdf(drawn, freedom) - stats.norm.logpdf(drawn, scale=scale) - 1000
    smoothed, shape = smooth(log_weights)
    assert (shape < 0.7) == reliable
    small = log_weights < np.median(log_weights)
    np.testing.assert_allclose(smoothed[small], log_weights[small])
    if reliable:
        assert np.exp(smoothed + 1000).mean() == pytest.approx(1, abs=0.02)


def test_weights_that_are_alike_are_kept() -> None:
    """In cells of huge totals float32 takes few values."""
    rng = np.random.default_rng(0)
    for log_weights in (np.full(100, 7.0), np.where(rng.random(400) < 0.5, -1e6, -1e6 - 0.0625)):
        smoothed, shape = smooth(log_weights)
        np.testing.assert_array_equal(smoothed, log_weights)
        assert shape == 0
