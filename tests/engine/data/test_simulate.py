import anndata as ad
import numpy as np
import pytest

from engine.data import read_counts, simulate, true_clr_correlation
from engine.errors import ConfigError


def clr(weights):
    logs = np.log(weights)
    return logs - logs.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("model", ["lnm", "lnmvcp", "lda"])
def test_shapes_truth_and_round_trip(model, tmp_path, check_invariants):
    adata = simulate(model, cells=60, genes=20, factors=3, seed=4)
    assert adata.shape == (60, 20)
    assert adata.X.dtype.kind == "i"
    assert (adata.X.sum(1) > 0).all()
    assert adata.uns["simulation"]["model"] == model
    if model == "lda":
        np.testing.assert_allclose(adata.varm["true_topics"].sum(0), 1)
        np.testing.assert_allclose(adata.obsm["true_proportions"].sum(1), 1)
    else:
        assert adata.varm["true_loadings"].shape == (20, 3)
        assert adata.obsm["true_scores"].shape == (60, 3)
        assert not adata.varm["true_loadings"][-1].any()
        assert adata.var["true_mean"].iloc[-1] == adata.var["true_noise"].iloc[-1] == 0
    adata.write_h5ad(tmp_path / "simulated.h5ad")
    back = ad.read_h5ad(tmp_path / "simulated.h5ad")
    assert back.uns["simulation"]["cells"] == 60
    counts = read_counts(tmp_path / "simulated.h5ad", genes="all")
    check_invariants(counts)
    if model != "lda":
        assert counts.genes[counts.reference] == "_other"


def test_seeds_decide():
    same = simulate(cells=30, genes=10, seed=1), simulate(cells=30, genes=10, seed=1)
    assert (same[0].X != same[1].X).nnz == 0
    assert (same[0].X != simulate(cells=30, genes=10, seed=2).X).nnz > 0


def test_lnm_moments_at_high_depth():
    """With deep counts the CLR of the counts has the mean and covariance of the truth."""
    adata = simulate(cells=4000, genes=8, factors=2, mean_total=1e6, total_concentration=50, seed=3)
    logits = clr(adata.X.toarray() + 0.5)
    truth = adata.var["true_mean"].to_numpy()
    np.testing.assert_allclose(logits.mean(0), truth - truth.mean(), atol=0.06)
    correlation = np.corrcoef(logits[:, :-1].T)
    np.testing.assert_allclose(correlation, true_clr_correlation(adata), atol=0.06)
    # Given the scores, what is left is the noise d of each gene, in ALR.
    left = (
        logits[:, :-1]
        - logits[:, -1:]
        - adata.obsm["true_scores"] @ adata.varm["true_loadings"][:-1].T
    )
    np.testing.assert_allclose(left.var(0), adata.var["true_noise"].iloc[:-1], rtol=0.15)


def test_totals():
    adata = simulate(cells=20_000, genes=3, mean_total=500, total_concentration=4, seed=0)
    totals = adata.X.sum(1).A1
    assert totals.mean() == pytest.approx(500, rel=0.02)
    assert totals.var() == pytest.approx(500 + 500**2 / 4, rel=0.05)


def test_counts_per_gene():
    adata = simulate(cells=1500, genes=40, factors=2, counts_per_gene=1.5, seed=0)
    assert adata.X.sum() / (1500 * 40) == pytest.approx(1.5, rel=0.05)


def test_capture():
    adata = simulate(
        "lnmvcp",
        cells=20_000,
        genes=3,
        mean_total=3000,
        total_concentration=1000,
        capture_spread=0.3,
        seed=0,
    )
    eta = adata.obs["true_eta"].to_numpy()
    assert eta.mean() == pytest.approx(np.log(2e5 / 3000), abs=0.01)
    assert eta.std() == pytest.approx(0.3, rel=0.03)
    expected = 2e5 * adata.obs["true_efficiency"].to_numpy()
    ratio = adata.X.sum(1).A1 / expected
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert ratio.std() < 0.05


def test_capture_never_exceeds_one():
    adata = simulate("lnmvcp", cells=5000, genes=3, mean_total=900, molecules=1000, seed=0)
    eta = adata.obs["true_eta"].to_numpy()
    assert (eta >= 0).all()
    assert (eta < 0.05).any()


def test_lda_counts_follow_the_topics():
    adata = simulate("lda", cells=3000, genes=6, factors=2, mean_total=2000, seed=1)
    expected = adata.obsm["true_proportions"] @ adata.varm["true_topics"].T
    counts = adata.X.toarray()
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), expected, atol=0.15)
    np.testing.assert_allclose(
        (counts - counts.sum(1, keepdims=True) * expected).mean(0), 0, atol=2
    )


def test_the_default_is_as_sparse_as_cells_are():
    adata = simulate(cells=500, genes=2000, seed=0)
    assert 2000 < np.median(adata.X.sum(1).A1) < 5000
    means = adata.X.mean(0).A1
    assert (means < 0.1).mean() > 0.1
    assert np.quantile(means, 0.9) > 5 * np.median(means)


def test_low_rank_has_no_noise():
    adata = simulate(cells=10, genes=5, factors=2, noise=0)
    assert not adata.var["true_noise"].any()
    correlation = true_clr_correlation(adata).to_numpy()
    np.testing.assert_allclose(np.linalg.matrix_rank(correlation, tol=1e-8), 2)


def test_the_truth_of_topics_is_no_correlation():
    with pytest.raises(ConfigError, match="true_loadings"):
        true_clr_correlation(simulate("lda", cells=5, genes=5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "pca"},
        {"cells": 0},
        {"genes": 1},
        {"factors": 1.5},
        {"seed": -1},
        {"cells": True},
        {"mean_total": 0},
        {"noise": -0.1},
        {"loading_scale": np.nan},
        {"topic_concentration": 0},
    ],
)
def test_arguments_out_of_range(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        simulate(**wrong)
