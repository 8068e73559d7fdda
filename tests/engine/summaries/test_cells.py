from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp, wrightomega

import engine
from engine import summaries
from engine.lnm.cell_residuals import omega
from engine.results import Fit
from tests.engine import problems
from tests.engine.summaries.made_up import made


def fit_of(problem: problems.Problem, scores: np.ndarray, scores_sd: np.ndarray) -> Fit:
    """The fit that has a problem's own parameters, in the gauge of fits."""
    genes, factors = problem.loadings.shape
    return replace(
        made(genes, factors, 0, cells=len(scores)),
        mean_clr=problem.mean - problem.mean.mean(),
        loadings=problem.loadings - problem.loadings.mean(0),
        noise=problem.noise,
        scores=scores,
        scores_sd=scores_sd,
    )


@pytest.fixture(scope="module")
def problem() -> problems.Problem:
    return problems.problem([3, 20, 100, 1000, 100_000], genes=12)


@pytest.fixture(scope="module")
def cells(problem: problems.Problem) -> problems.lnm.Cells:
    return problems.evaluate(problem.params, problem.counts)[1]


@pytest.fixture(scope="module")
def fit(problem: problems.Problem, cells: problems.lnm.Cells) -> Fit:
    return fit_of(problem, cells.latents.scores, cells.scores_sd)


def dense_residuals(fit: Fit, counts: np.ndarray) -> np.ndarray:
    """Centred residuals, one optimisation a gene; intensities by bisection."""
    noise = np.maximum(fit.noise, 1e-20)
    found = []
    for z, u in zip(fit.scores, counts, strict=True):
        x = fit.mean_clr + fit.loadings @ z

        def surplus(a: float, x: np.ndarray = x, u: np.ndarray = u) -> float:
            t = wrightomega(x + a + np.log(noise) + noise * u)
            return (t / noise + t / (2 * (1 + t) ** 2)).sum() - u.sum()

        guess = np.log(u.sum()) - logsumexp(x)
        x = x + brentq(surplus, guess - 5, guess + 5, xtol=1e-12)
        residual = [
            minimize_scalar(
                lambda e, g=g, x=x, u=u: np.exp(x[g] + e) + e**2 / (2 * noise[g]) - u[g] * e,
                bracket=(-0.1, 0.1),
                tol=1e-12,
            ).x
            for g in range(len(u))
        ]
        found.append(np.array(residual) - np.mean(residual))
    return np.array(found)


@pytest.mark.parametrize("kind", [sparse.csc_matrix, sparse.csr_matrix])
def test_residuals_against_one_optimisation_a_gene(
    fit: Fit, problem: problems.Problem, kind: type
) -> None:
    genes = ["gene_3", "gene_0", "_other"]
    low_rank = summaries.cell_clr(fit, genes)
    clr = summaries.cell_clr(fit, genes, counts=kind(problem.counts))
    expected = dense_residuals(fit, problem.counts)[:, [3, 0, 11]]
    np.testing.assert_allclose(clr - low_rank, expected, atol=3e-3)
    assert np.abs(expected).max() > 0.3
    assert (clr.to_numpy().dtype, list(clr.columns)) == (np.float32, genes)
    assert list(clr.index) == list(fit.cells)


def test_intensities_are_the_models(
    fit: Fit, problem: problems.Problem, cells: problems.lnm.Cells
) -> None:
    """At the model's own mode of (z, intensity), the residuals are the same."""
    x = problem.mean + cells.latents.scores @ problem.loadings.T
    x += cells.latents.intensity[:, None]
    noise = np.maximum(problem.noise, 1e-20)
    residual = noise * problem.counts - wrightomega(x + np.log(noise) + noise * problem.counts)
    residual -= residual.mean(1, keepdims=True)
    genes = list(fit.genes)
    counts = sparse.csr_matrix(problem.counts)
    found = summaries.cell_clr(fit, genes, counts=counts) - summaries.cell_clr(fit, genes)
    # The cells of 3 and 20 counts test the expansion, the one of 100,000 the precision.
    np.testing.assert_allclose(found, residual, atol=5e-3)
    np.testing.assert_allclose(found[2:], residual[2:], atol=2e-3)


def test_with_many_counts_the_clr_is_that_of_the_counts(
    fit: Fit, problem: problems.Problem
) -> None:
    logs = np.log(np.maximum(problem.counts[4], 0.5))
    assert problem.counts[4].min() > 100
    counts = sparse.csc_matrix(problem.counts)
    found = summaries.cell_clr(fit, fit.genes, cells=np.array([4]), counts=counts)
    np.testing.assert_allclose(found.iloc[0], logs - logs.mean(), atol=0.02)
    assert abs(found.iloc[0].mean()) < 1e-3


def test_without_residual_variance_counts_change_nothing(problem: problems.Problem) -> None:
    still = replace(problem, noise=np.zeros_like(problem.noise))
    fit = fit_of(still, np.zeros((5, 2)), np.ones((5, 2)))
    counts = sparse.csc_matrix(problem.counts)
    for of in (summaries.cell_clr, summaries.cell_clr_sd):
        without = of(fit, ["gene_1", "gene_2"])
        pd.testing.assert_frame_equal(of(fit, ["gene_1", "gene_2"], counts=counts), without)


def test_by_hand() -> None:
    fit = made(3, 2, 0, cells=2)
    fit.mean_clr[:] = [1, 0, -1]
    fit.loadings[0] = [2, -1]
    fit.scores[:] = [[1, 1], [0, 3]]
    fit.scores_sd[:] = [[0.5, 1], [0, 0]]
    assert summaries.cell_clr(fit, ["gene_0"])["gene_0"].to_list() == [2, -2]
    sd = summaries.cell_clr_sd(fit, ["gene_0"])["gene_0"]
    assert sd.to_list() == [pytest.approx(np.sqrt(2)), 0]


def test_some_cells_are_rows_of_all(fit: Fit, problem: problems.Problem) -> None:
    counts = sparse.csc_matrix(problem.counts)
    for of in (summaries.cell_clr, summaries.cell_clr_sd):
        for given_counts in (None, counts):
            whole = of(fit, ["gene_5"], counts=given_counts)
            mask = np.array([True, False, True, False, False])
            few = of(fit, ["gene_5"], cells=mask, counts=given_counts)
            pd.testing.assert_frame_equal(few, whole[mask])
            turned = of(fit, ["gene_5"], cells=np.array([4, 0]), counts=given_counts)
            pd.testing.assert_frame_equal(turned, whole.iloc[[4, 0]])


def test_sd_covers_the_truth() -> None:
    """Of simulated CLR at known parameters, about 68 % lie within one sd of the mode."""
    rng = np.random.default_rng(0)
    genes, totals = 30, rng.integers(30, 600, 400)
    mean, loadings = rng.normal(size=genes), rng.normal(size=(genes, 2)) * 0.5
    noise = rng.uniform(0.1, 0.5, genes)
    noise[-1] = 0
    logits = mean + rng.normal(size=(400, 2)) @ loadings.T
    logits += rng.normal(size=logits.shape) * np.sqrt(noise)
    shares = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    counts = np.stack([rng.multinomial(n, p) for n, p in zip(totals, shares, strict=True)])
    truth = logits - logits.mean(1, keepdims=True)
    problem = problems.Problem(mean, loadings, noise, counts.astype(float))
    cells = problems.evaluate(problem.params, problem.counts)[1]
    fit = fit_of(problem, cells.latents.scores, cells.scores_sd)
    given_counts = sparse.csc_matrix(problem.counts)
    names = list(fit.genes[:-1])
    error = summaries.cell_clr(fit, names, counts=given_counts) - truth[:, :-1]
    sd = summaries.cell_clr_sd(fit, names, counts=given_counts)
    within = (error.abs() < sd).to_numpy().mean()
    assert 0.62 < within < 0.74
    plain = summaries.cell_clr(fit, names) - truth[:, :-1]
    assert (error**2).to_numpy().mean() < 0.8 * (plain**2).to_numpy().mean()


@given(st.lists(st.floats(-60, 60), min_size=1))
def test_omega(values: list[float]) -> None:
    y = np.array([values], np.float32)
    np.testing.assert_allclose(omega(y), wrightomega(y.astype(float)), rtol=3e-5)


def test_what_is_not_of_this_fit(fit: Fit, problem: problems.Problem) -> None:
    with pytest.raises(engine.DataError, match="1 unknown"):
        summaries.cell_clr(fit, ["NOT"])
    with pytest.raises(engine.DataError, match="mask of 5 cells"):
        summaries.cell_clr(fit, ["gene_0"], cells=np.ones(4, bool))
    with pytest.raises(engine.DataError, match="5 cells x 12 features"):
        summaries.cell_clr(fit, ["gene_0"], counts=sparse.csc_matrix(problem.counts[:, 1:]))
