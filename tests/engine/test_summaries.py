from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import summaries
from engine.results import OTHER, Fit, Status, Totals


def made(genes: int, factors: int, seed: int, *, pooled: bool = True, cells: int = 4) -> Fit:
    """A fit out of nothing, in the gauge that fits are kept in."""
    rng = np.random.default_rng(seed)
    names = [f"gene_{g}" for g in range(genes)]
    if pooled:
        names[-1] = OTHER
    loadings = rng.normal(size=(genes, factors))
    noise = rng.uniform(0.1, 1, genes)
    noise[-1] = 0
    return Fit(
        config=engine.LNMConfig(n_factors=factors),
        genes=pd.Index(names),
        cells=pd.Index([f"cell_{c}" for c in range(cells)]),
        reference=genes - 1,
        mean_clr=rng.normal(size=genes),
        loadings=loadings - loadings.mean(0),
        noise=noise,
        scores=rng.normal(size=(cells, factors)),
        scores_sd=np.ones((cells, factors)),
        log_marginal=-np.ones(cells),
        total_counts=np.ones(cells),
        totals=Totals(1.0, 1.0),
        capture=None,
        obs=pd.DataFrame(index=[f"cell_{c}" for c in range(cells)]),
        trace=pd.DataFrame(),
        status=Status("converged", "", 1, 1.0, 0.0, 0),
    )


def brute_force(fit: Fit) -> pd.DataFrame:
    """H Sigma_alr H', with every G x G matrix written out."""
    count = len(fit.genes)
    centring = np.eye(count) - np.ones((count, count)) / count
    sigma = fit.loadings @ fit.loadings.T + np.diag(fit.noise)
    return pd.DataFrame(centring @ sigma @ centring.T, index=fit.genes, columns=fit.genes)


fits = st.builds(
    made, st.integers(3, 12), st.integers(1, 4), st.integers(0, 2**32 - 1), pooled=st.booleans()
)


@given(fits)
def test_covariance_and_correlation_against_brute_force(fit: Fit) -> None:
    expected = brute_force(fit)
    real = fit.genes[fit.is_gene]
    covariance = summaries.clr_covariance(fit)
    pd.testing.assert_frame_equal(covariance, expected.loc[real, real], atol=1e-12)
    scale = np.sqrt(np.diag(expected.loc[real, real]))
    correlation = summaries.clr_correlation(fit)
    pd.testing.assert_frame_equal(
        correlation, expected.loc[real, real] / np.outer(scale, scale), atol=1e-10
    )
    np.testing.assert_allclose(
        summaries.clr_variance(fit), np.diag(expected.loc[real, real]), atol=1e-12
    )
    assert list(summaries.clr_variance(fit).index) == list(real)


@given(fits)
def test_a_correlation_is_one(fit: Fit) -> None:
    correlation = summaries.clr_correlation(fit).to_numpy()
    assert (np.diag(correlation) == 1).all()
    assert (np.abs(correlation) <= 1).all()
    np.testing.assert_array_equal(correlation, correlation.T)
    assert np.linalg.eigvalsh(correlation).min() > -1e-10


@given(fits, st.data())
def test_any_genes_in_any_order(fit: Fit, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(list(fit.genes)), unique=True, min_size=1))
    part = summaries.clr_correlation(fit, names)
    assert list(part.index) == list(part.columns) == names
    whole = summaries.clr_correlation(fit, fit.genes)
    pd.testing.assert_frame_equal(part, whole.loc[names, names], atol=1e-12)


def test_the_gauge_does_not_matter_to_contrasts() -> None:
    """Variances of log ratios of two genes, from the CLR covariance, are those of the logits."""
    fit = made(6, 2, 0, pooled=False)
    covariance = summaries.clr_covariance(fit).to_numpy()
    contrast = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    logits = ((fit.loadings[0] - fit.loadings[1]) ** 2).sum() + fit.noise[0] + fit.noise[1]
    assert contrast == pytest.approx(logits)


@given(fits)
def test_explained_variance_and_the_rest_make_the_whole(fit: Fit) -> None:
    shares = summaries.explained_variance(fit)
    total = np.trace(brute_force(fit))
    noise = fit.noise.sum() * (1 - 1 / len(fit.genes))
    assert shares.sum() + noise / total == pytest.approx(1)
    np.testing.assert_allclose(shares * total, (fit.loadings**2).sum(0))
    assert list(shares.index) == [f"factor {j + 1}" for j in range(fit.n_factors)]


def test_without_noise_the_factors_explain_all() -> None:
    fit = made(5, 2, 0)
    fit.noise[:] = 0
    assert summaries.explained_variance(fit).sum() == pytest.approx(1)


def test_tables_are_named_and_leave_the_pooled_rest_out() -> None:
    fit = made(5, 2, 0)
    loadings, scores = summaries.loadings(fit), summaries.factor_scores(fit)
    assert OTHER not in loadings.index
    assert loadings.shape == (4, 2)
    assert list(loadings.columns) == list(scores.columns) == ["factor 1", "factor 2"]
    assert list(scores.index) == list(fit.cells)
    np.testing.assert_array_equal(loadings, fit.loadings[:-1])
    np.testing.assert_array_equal(scores, fit.scores)


def test_top_variance_genes() -> None:
    fit = made(9, 2, 0)
    variance = summaries.clr_variance(fit)
    top = summaries.top_variance_genes(fit, 3)
    assert list(top) == list(variance.sort_values(ascending=False).index[:3])
    assert len(summaries.top_variance_genes(fit, 100)) == 8


def test_unknown_genes_are_named() -> None:
    with pytest.raises(engine.DataError, match=r"2 unknown \(NOT, A GENE\)"):
        summaries.clr_correlation(made(5, 2, 0), ["gene_1", "NOT", "A GENE"])
