from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import multinomial

from engine.lnm import equations
from engine.lnm.residual import LOG_NO_NOISE
from tests.engine.problems import Problem, evaluate, problem

TOTALS = [1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000]
LOW_RANK = (0.0, 0.0)


def multinomial_coefficient(u: np.ndarray) -> float:
    return float(gammaln(u.sum() + 1) - gammaln(u + 1).sum())


@cache
def standard_draws(draws: int, size: int, freedom: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a multivariate t, and the kernel of their log density; the same for every cell."""
    rng = np.random.default_rng(0)
    t = rng.standard_normal((draws, size))
    t /= np.sqrt(rng.chisquare(freedom, draws) / freedom)[:, None]
    return t, -(freedom + size) / 2 * np.log1p((t**2).sum(1) / freedom)


def importance_sample(
    cells: Problem, u: np.ndarray, draws: int = 200_000, freedom: int = 6
) -> tuple[float, float]:
    """log p(u | N) and its Monte Carlo error: a multivariate t about the mode of the logits.

    In the G - 1 ALR logits, the reference last: no intensity, no factors, no nesting.
    """
    mean, size, total = cells.mean[:-1], len(u) - 1, u.sum()
    covariance = cells.loadings[:-1] @ cells.loadings[:-1].T + np.diag(cells.noise[:-1])
    precision = np.linalg.inv(covariance)
    y = mean.copy()
    for _ in range(200):
        share = np.exp(y - logsumexp(np.append(y, 0)))
        slope = u[:-1] - total * share - precision @ (y - mean)
        bend = total * (np.diag(share) - np.outer(share, share)) + precision
        step = np.linalg.solve(bend, slope)
        y += step * min(1, 2 / np.abs(step).max())
        if np.abs(step).max() < 1e-10:
            break
    half = np.linalg.cholesky(np.linalg.inv(bend))
    t, kernel = standard_draws(draws, size, freedom)
    # By einsum: the threads of a matrix product of so few columns only wait for each other.
    drawn = y + np.einsum("si,ji->sj", t, half)
    off = np.einsum("si,ij->sj", drawn - mean, np.linalg.cholesky(precision))
    # No logit is so large that its exponential is not a number.
    log_joint = (
        multinomial_coefficient(u)
        + np.einsum("si,i->s", drawn, u[:-1])
        - total * np.log1p(np.exp(drawn).sum(1))
        - 0.5 * (off**2).sum(1)
        - 0.5 * (size * np.log(2 * np.pi) - np.linalg.slogdet(precision)[1])
    )
    log_proposal = (
        gammaln((freedom + size) / 2)
        - gammaln(freedom / 2)
        - size / 2 * np.log(freedom * np.pi)
        - np.log(np.diag(half)).sum()
        + kernel
    )
    log_weight = log_joint - log_proposal
    value = logsumexp(log_weight) - np.log(draws)
    return float(value), float(np.exp(log_weight - value).std() / np.sqrt(draws))


def textbook_laplace(cells: Problem, u: np.ndarray) -> float:
    """Laplace over z of the multinomial with logits mu + W z: no noise, no intensity."""
    total, loadings = u.sum(), cells.loadings
    z = np.zeros(loadings.shape[1])
    for _ in range(500):
        logits = cells.mean + loadings @ z
        share = np.exp(logits - logsumexp(logits))
        slope = loadings.T @ (u - total * share) - z
        average = loadings.T @ share
        bend = total * (loadings.T * share @ loadings - np.outer(average, average))
        bend += np.eye(len(z))
        step = np.linalg.solve(bend, slope)
        if np.abs(step).max() < 1e-13:
            break
        z = z + step * min(1, 0.5 / np.abs(step).max())
    value = multinomial_coefficient(u) + u @ (logits - logsumexp(logits)) - 0.5 * z @ z
    return float(value - 0.5 * np.linalg.slogdet(bend)[1])


class TestLogMarginal:
    @pytest.mark.slow
    def test_against_importance_sampling(self) -> None:
        """3 to 1000 counts a cell, and 300 in one gene: within 0.01 nat, on average or of each.

        Laplace over (z, lambda) errs more for some draws of the parameters than for others: the
        first two keep every cell within 0.01, the others most cells, and all within 0.025.
        """
        errors = []
        for seed in (1, 2, 3, 6):
            cells = problem([3, 5, 10, 30, 100, 300, 1000, 300], seed=seed)
            cells.counts[-1] = np.eye(8)[3] * 300
            _, found = evaluate(cells.params, cells.counts)
            sampled, sampling_error = np.transpose(
                [importance_sample(cells, u) for u in cells.counts]
            )
            assert sampling_error.max() < 0.002
            errors.append(np.abs(found.log_marginal - sampled))
        assert np.max(errors[:2]) < 0.01
        assert np.max(errors) < 0.025
        assert np.mean(errors) < 0.01

    @pytest.mark.parametrize("factors", [1, 2, 5])
    def test_without_noise_it_is_the_textbook_laplace_over_z(self, factors: int) -> None:
        """Equal, not only close: the integral over the intensity is exact.

        Maximised over lambda the Poisson form is the multinomial with
        ``exp(lambda) = N / sum_g exp(eta_g)``, the Schur complement of the lambda entry N of J
        is the Hessian over z of the multinomial, and Stirling's error is taken back.
        """
        cells = problem(TOTALS, factors=factors, noise=LOW_RANK)
        _, found = evaluate(cells.params, cells.counts)
        expected = [textbook_laplace(cells, u) for u in cells.counts]
        np.testing.assert_allclose(found.log_marginal, expected, rtol=0, atol=1e-9)

    def test_without_factors_to_speak_of_it_is_the_multinomial(self) -> None:
        cells = problem(TOTALS, loading_scale=0, noise=LOW_RANK)
        _, found = evaluate(cells.params, cells.counts)
        shares = np.exp(cells.mean - logsumexp(cells.mean))
        expected = multinomial.logpmf(cells.counts, cells.counts.sum(1), shares)
        np.testing.assert_allclose(found.log_marginal, expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.latents.scores, 0, atol=1e-12)
        np.testing.assert_allclose(found.scores_sd, 1, rtol=1e-12)

    def test_the_probabilities_of_all_outcomes_sum_to_one(self) -> None:
        """All ways of four counts in three genes; what is lacking is the approximation's."""
        cells = problem([4], genes=3, noise=(0.2, 0.4))
        grid = np.array([(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)], float)
        _, found = evaluate(cells.params, grid)
        assert logsumexp(found.log_marginal) == pytest.approx(0, abs=0.005)

    def test_little_noise_is_close_to_none(self) -> None:
        cells = problem(TOTALS)
        none = cells.params._replace(log_noise=np.full(8, LOG_NO_NOISE))
        little = cells.params._replace(log_noise=np.full(8, np.log(1e-12)))
        change = (
            evaluate(little, cells.counts)[1].log_marginal
            - evaluate(none, cells.counts)[1].log_marginal
        )
        # To first order d / 2 times squared misfits: 300 counts of 3000.
        assert 0 < np.abs(change).max() < 1e-6


class TestGauge:
    """The logits have a constant to spare in every cell, and z a rotation."""

    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=20)
    def test_likelihood_knows_neither_reference_nor_rotation(self, seed: int) -> None:
        cells = problem(TOTALS, seed=seed % 1000)
        rng = np.random.default_rng(seed)
        rotation = np.linalg.qr(rng.normal(size=(2, 2)))[0]
        turned = cells.params._replace(
            mean=cells.mean + rng.normal(),
            loadings=(cells.loadings + rng.normal(size=2)) @ rotation,
        )
        one, other = evaluate(cells.params, cells.counts)[1], evaluate(turned, cells.counts)[1]
        np.testing.assert_allclose(one.log_marginal, other.log_marginal, rtol=0, atol=1e-8)
        np.testing.assert_allclose(
            one.latents.scores @ rotation, other.latents.scores, rtol=0, atol=1e-6
        )

    def test_gene_order_does_not_matter(self) -> None:
        cells = problem(TOTALS)
        order = np.random.default_rng(0).permutation(8)
        shuffled = equations.Params(*(array[order] for array in cells.params))
        sums, found = evaluate(cells.params, cells.counts)
        sums_shuffled, found_shuffled = evaluate(shuffled, cells.counts[:, order])
        np.testing.assert_allclose(
            found.log_marginal, found_shuffled.log_marginal, rtol=0, atol=1e-9
        )
        for name in ("mean", "loadings", "log_noise", "curvature"):
            np.testing.assert_allclose(
                getattr(sums, name)[order],
                getattr(sums_shuffled, name),
                rtol=1e-7,
                atol=1e-7,
                err_msg=name,
            )

    @given(st.permutations(range(len(TOTALS))))
    @settings(max_examples=10)
    def test_cell_order_does_not_matter(self, order: list[int]) -> None:
        cells = problem(TOTALS)
        sums, found = evaluate(cells.params, cells.counts)
        sums_shuffled, found_shuffled = evaluate(cells.params, cells.counts[order])
        np.testing.assert_allclose(
            found.log_marginal[order], found_shuffled.log_marginal, rtol=0, atol=1e-9
        )
        for one, other in zip(sums, sums_shuffled, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)
