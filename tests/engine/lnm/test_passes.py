from __future__ import annotations

import numpy as np
import pytest

from engine.lnm.passes import Pass, Passes
from tests.engine.problems import counts_of, evaluate, problem

CELLS = problem([1, 2, 5, 10, 30, 100, 300, 1000, 40, 70, 3], seed=4)


def run(passes: Passes, *, gradient: bool = True) -> tuple[list[float], Pass]:
    steps = passes.run(CELLS.params, np.eye(2), np.zeros((2, 2)) if gradient else None)
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return told, end.value


@pytest.mark.parametrize("block_cells", [1, 4, 50])
def test_the_partition_into_blocks_does_not_matter(block_cells: int) -> None:
    counts = counts_of(CELLS.counts)
    told, found = run(Passes(counts, 2, "float64", block_cells))
    sums, cells = evaluate(CELLS.params, CELLS.counts)
    assert len(told) == -(-11 // min(block_cells, 11))
    assert told[-1] == 1.0
    assert told == sorted(told)
    np.testing.assert_allclose(found.log_marginal, cells.log_marginal, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.scores_sd, cells.scores_sd, atol=1e-3)
    # Newton stops at a thousandth of a posterior standard deviation.
    assert found.sums is not None
    for name, one, other in zip(sums._fields, found.sums, sums, strict=True):
        if name != "log_marginal":
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-2, err_msg=name)
    assert found.n_failed_cells == 0


def test_later_passes_start_where_the_last_ended() -> None:
    passes = Passes(counts_of(CELLS.counts), 2, "float64", 4)
    first, second = run(passes)[1], run(passes)[1]
    assert second.decrement.max() <= first.decrement.max()
    np.testing.assert_allclose(second.log_marginal, first.log_marginal, rtol=0, atol=1e-4)
    assert second.log_marginal_total == pytest.approx(second.log_marginal.sum())


def test_a_change_of_basis_is_followed() -> None:
    """z -> factor^-1 (z - mean) with W and mu turned along leaves every intensity as it was."""
    passes = Passes(counts_of(CELLS.counts), 2, "float64")
    _, first = run(passes)
    mean, factor = np.array([0.3, -0.2]), np.array([[1.5, 0.0], [0.4, 0.7]])
    passes.change_basis(mean, factor)
    moved = CELLS.params._replace(
        mean=CELLS.mean + CELLS.loadings @ mean, loadings=CELLS.loadings @ factor
    )
    before = CELLS.loadings @ first.latents.scores.T + CELLS.mean[:, None]
    after = moved.loadings @ passes._scores.T + moved.mean[:, None]
    np.testing.assert_allclose(after, before, atol=1e-12)


def test_without_the_gradient_there_are_no_sums() -> None:
    passes = Passes(counts_of(CELLS.counts), 2, "float64")
    _, found = run(passes, gradient=False)
    assert found.sums is None
    np.testing.assert_allclose(found.log_marginal, run(passes)[1].log_marginal, rtol=0, atol=1e-4)


def test_a_lost_cell_is_counted_and_left_out() -> None:
    passes = Passes(counts_of(CELLS.counts), 2, "float64")
    _, found = run(passes)
    broken = Pass(
        found.sums,
        found.latents,
        found.scores_sd,
        np.where(np.arange(11) == 3, np.nan, found.log_marginal),
        np.where(np.arange(11) == 3, np.inf, found.decrement),
    )
    assert broken.n_failed_cells == 1
    assert broken.log_marginal_total == pytest.approx(np.delete(found.log_marginal, 3).sum())
