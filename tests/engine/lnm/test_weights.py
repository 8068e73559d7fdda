"""A cell of weight two is that cell twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.lda.passes import Estimate, em_pass
from engine.lnm.laplace import Step, maximise
from engine.lnm.passes import Passes, result_of
from engine.results import Fit
from tests.engine.problems import counts_of, dense, evaluate, problem

CELLS = problem([30, 100, 300, 1000, 40, 70, 20, 500], seed=4)
TWICE = np.array([1.0, 2, 1, 1, 2, 1, 1, 2])
REPEATED = np.repeat(CELLS.counts, TWICE.astype(int), axis=0)


def test_sums_of_a_block() -> None:
    """Filled up to as many rows with cells that count for nothing."""
    volume = 0.1 * np.eye(2)
    filled = np.pad(CELLS.counts, ((0, 3), (0, 0)), mode="edge")
    weighted, _ = evaluate(CELLS.params, filled, weights=np.append(TWICE, [0, 0, 0]), volume=volume)
    repeated, _ = evaluate(CELLS.params, REPEATED, volume=volume)
    for name, one, other in zip(weighted._fields, weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8, err_msg=name)


def test_sums_of_a_pass() -> None:
    settings = (CELLS.params, np.eye(2), np.eye(2))
    passes = Passes(counts_of(CELLS.counts), 2, "float64", 4, weights=TWICE)
    weighted = result_of(passes.run(*settings))
    repeated = result_of(Passes(counts_of(REPEATED), 2, "float64", 4).run(*settings))
    assert weighted.sums is not None
    assert repeated.sums is not None
    for name, one, other in zip(weighted.sums._fields, weighted.sums, repeated.sums, strict=True):
        if name != "log_marginal":
            # Newton stops at a thousandth of a posterior standard deviation.
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-2, err_msg=name)
    assert weighted.log_marginal_total == pytest.approx(repeated.log_marginal_total, abs=1e-4)


def optimum(counts: Counts, fit: Fit, weights: np.ndarray) -> np.ndarray:
    points = [
        event.point.theta
        for event in maximise(counts, replace(fit.config, block_cells=40), fit, weights)
        if isinstance(event, Step)
    ]
    return points[-1]


@pytest.mark.slow
def test_the_optimum(small: Counts, small_fit: Fit) -> None:
    twice = np.arange(small.n_cells) < 40
    weighted = optimum(small, small_fit, 1.0 + twice)
    matrix = dense(small)
    both = Counts.from_arrays(
        np.vstack([matrix, matrix[twice]]),
        small.genes,
        [*small.cells, *(f"{name} again" for name in small.cells[twice])],
    )
    repeated = optimum(both, small_fit, np.ones(both.n_cells))
    unweighted = optimum(small, small_fit, np.ones(small.n_cells))
    noise = small_fit.noise > 0
    for theta in (weighted, repeated, unweighted):
        theta[~noise, -1] = 0
    difference = np.abs(weighted - repeated).max()
    assert difference < 0.02
    assert np.abs(weighted - unweighted).max() > 10 * difference


def test_a_pass_of_em() -> None:
    rng = np.random.default_rng(0)
    alpha, eta = np.array([0.3, 0.6]), np.full(8, 0.2)
    shares = rng.dirichlet([1, 1], 8).astype(np.float32)
    topics = rng.dirichlet(np.ones(8), 2).astype(np.float32)
    weighted = result_of(
        em_pass(
            Blocks(counts_of(CELLS.counts), 4, weights=TWICE), Estimate(shares, topics), alpha, eta
        )
    )
    again = np.repeat(np.arange(8), TWICE.astype(int))
    repeated = result_of(
        em_pass(Blocks(counts_of(REPEATED), 4), Estimate(shares[again], topics), alpha, eta)
    )
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-6)
    np.testing.assert_allclose(weighted.next.topics, repeated.next.topics, rtol=1e-5)
    np.testing.assert_allclose(
        weighted.next.proportions[again], repeated.next.proportions, rtol=1e-5
    )


def test_without_weights_all_cells_are_alike(small: Counts) -> None:
    blocks = Blocks(small, 50)
    weights = np.concatenate([np.asarray(block.weights) for block in blocks])
    assert weights.sum() == small.n_cells
    assert set(weights) == {0.0, 1.0}
