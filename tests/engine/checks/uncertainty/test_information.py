"""What the cells tell, and the covariances that follow from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine import checks
from engine.checks.uncertainty.gene_blocks import gene_blocks
from engine.checks.uncertainty.information import information
from engine.lnm.packing import pair_weights, unpack
from engine.lnm.passes import result_of
from tests.engine.problems import counts_of, evaluate, problem, unfitted

pytestmark = pytest.mark.fit

FACTORS = 2
PAIRS = FACTORS * (FACTORS + 1) // 2
CELLS = problem([400] * 300, genes=60, factors=FACTORS, seed=3)


@pytest.fixture(scope="module")
def known() -> engine.Fit:
    """A fit at the true parameters of CELLS, its genes hardly held by a prior."""
    counts = counts_of(CELLS.counts)
    config = engine.LNMConfig(n_factors=FACTORS)
    prior = {"loadings_covariance": (1e4 * np.eye(FACTORS)).tolist(), "noise_scale": 1e3}
    fit = unfitted(counts, config, CELLS.mean, CELLS.loadings, CELLS.noise)
    return replace(fit, prior=prior)


def log_marginal(loadings: np.ndarray, log_noise: np.ndarray | None = None) -> float:
    params = CELLS.params._replace(loadings=loadings)
    if log_noise is not None:
        params = params._replace(log_noise=log_noise)
    return float(evaluate(params, CELLS.counts, tolerance=1e-9)[1].log_marginal.sum())


def curvature(values: list[float], step: float) -> float:
    return -(values[0] - 2 * values[1] + values[2]) / step**2


def test_information_is_the_curvature_of_the_log_marginal(known: engine.Fit) -> None:
    """Of one gene, and of what all share, each along one direction.

    Expected and observed information differ by what the sample has of its own.
    """
    found = result_of(information(known, counts_of(CELLS.counts)))
    assert found.cells == 300
    gene, at = 5, log_marginal(CELLS.loadings)
    blocks = unpack(np.asarray(found.genes))
    ratios = []
    for axis in range(FACTORS):
        moved = np.zeros_like(CELLS.loadings)
        moved[gene, axis] = 0.03
        ends = [log_marginal(CELLS.loadings + sign * moved) for sign in (1, -1)]
        ratios.append(blocks[gene, axis, axis] / curvature([ends[0], at, ends[1]], 0.03))
    moved = np.zeros(60)
    moved[gene] = 0.1
    log_noise = CELLS.params.log_noise
    ends = [log_marginal(CELLS.loadings, log_noise + sign * moved) for sign in (1, -1)]
    ratios.append(found.noise[gene] / curvature([ends[0], at, ends[1]], 0.1))
    for packed in np.eye(PAIRS):
        shared = unpack(packed)
        ends = [
            log_marginal(CELLS.loadings @ (np.eye(FACTORS) + sign * shared))
            for sign in (0.03, -0.03)
        ]
        twice = pair_weights(FACTORS)
        spread = np.asarray(found.spread).reshape(FACTORS**2, FACTORS**2)
        expected = 2 * 300 * (twice * packed**2).sum() - shared.ravel() @ spread @ shared.ravel()
        ratios.append(expected / curvature([ends[0], at, ends[1]], 0.03))
    np.testing.assert_allclose(ratios, 1, atol=0.2)


def test_covariances_are_inverses(known: engine.Fit) -> None:
    found = result_of(information(known, counts_of(CELLS.counts)))
    blocks = gene_blocks(known, found)
    whole = np.linalg.inv(unpack(np.asarray(found.genes)))
    np.testing.assert_allclose(blocks.loadings[:-1], whole[:-1, :-1, :-1], rtol=1e-3, atol=1e-9)
    assert blocks.log_noise[-1] == 0
    np.testing.assert_allclose(blocks.log_noise[:-1], 1 / found.noise[:-1], rtol=1e-3)
    assert np.linalg.eigvalsh(blocks.common).min() > 0


def test_factors_of_noise_change_no_error(known: engine.Fit) -> None:
    """Beside twelve more of small loadings, of which the cells and genes tell nothing."""
    counts, genes = counts_of(CELLS.counts), np.arange(60)
    small = np.random.default_rng(0).normal(0, 0.06, (len(CELLS.loadings), 12))
    loadings = np.concatenate([CELLS.loadings, small], axis=1)
    config = engine.LNMConfig(n_factors=FACTORS + 12)
    wide = unfitted(counts, config, CELLS.mean, loadings, CELLS.noise)
    scales = np.repeat([1e4, 3e-3], [FACTORS, 12])
    prior = {"loadings_covariance": np.diag(scales).tolist(), "noise_scale": 1e3}
    errors = []
    for fit in (known, replace(wide, prior=prior)):
        *_, last = checks.uncertainty_iter(fit, counts)
        assert last.uncertainty is not None
        errors.append(last.uncertainty.estimates(genes).fisher_error[np.triu_indices(60, 1)])
    own, other = errors
    assert 0.95 < np.median(other / own) < 1.1
    assert (other / own).max() < 1.5
