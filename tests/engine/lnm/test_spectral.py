from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from engine.data import read_counts, simulate
from engine.lnm.spectral import spectral_start
from tests.engine.lnm.conftest import Simulated
from tests.engine.problems import counts_of, dense


def test_it_is_the_svd_of_the_pearson_residuals() -> None:
    adata = simulate("lnm", cells=300, genes=40, factors=3, seed=0, noise=0)
    counts = read_counts(adata, genes="all")
    mean, _, scores = spectral_start(counts, 3, 0)
    u = dense(counts).astype(float)
    shares = u.sum(0) / u.sum()
    np.testing.assert_allclose(mean, np.log(shares))
    expected = np.outer(u.sum(1), shares)
    residuals = (u - expected) / np.sqrt(expected)
    values = np.linalg.svd(residuals, compute_uv=False)
    # What the scores span carries nearly as much of the residuals as any three directions can.
    basis, _ = np.linalg.qr(scores)
    assert ((residuals.T @ basis) ** 2).sum() > 0.95 * (values[:3] ** 2).sum()


def test_shapes_and_bounds(simulated: Simulated) -> None:
    mean, loadings, scores = spectral_start(simulated.counts, 5, 1)
    assert mean.shape == (80,)
    assert loadings.shape == (80, 5)
    assert scores.shape == (800, 5)
    assert np.abs(scores).max() <= 3
    assert np.abs(loadings).max() <= 2
    np.testing.assert_allclose(np.exp(mean).sum(), 1)


def test_a_seed_is_reproducible(simulated: Simulated) -> None:
    one, other = (spectral_start(simulated.counts, 3, 4) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_gene_without_counts_in_a_subsample() -> None:
    matrix = np.random.default_rng(0).poisson(2.0, (30, 6))
    matrix[:, 2] = 0
    matrix[:, 0] += 1
    mean, loadings, _ = spectral_start(counts_of(matrix), 2, 0)
    assert np.isfinite(mean).all()
    assert np.abs(loadings[2]).max() < 0.1


def test_streamed_counts_must_be_sampled_first(tmp_path: Path) -> None:
    simulate(cells=20, genes=6, factors=2).write_h5ad(tmp_path / "a.h5ad")
    streamed = read_counts(tmp_path / "a.h5ad", genes="all", backed=True)
    with pytest.raises(ValueError, match="memory"):
        spectral_start(streamed, 2, 0)
    assert sparse.issparse(streamed.take(np.arange(20)).matrix())
