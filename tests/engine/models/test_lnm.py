from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import multinomial

from engine.models import lnm
from engine.models.packing import pair_products, unpack
from engine.models.poisson_lognormal import LOG_NO_NOISE
from tests.engine.problems import Problem, evaluate, problem

TOTALS = [1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000]
LOW_RANK = (0.0, 0.0)


def multinomial_coefficient(u: np.ndarray) -> float:
    return float(gammaln(u.sum() + 1) - gammaln(u + 1).sum())


def importance_sample(
    cells: Problem, u: np.ndarray, draws: int = 200_000, freedom: int = 6
) -> tuple[float, float]:
    """log p(u | N) and its Monte Carlo error: a multivariate t about the mode of the logits.

    In the G - 1 ALR logits, the reference last: no intensity, no factors, no nesting.
    """
    rng = np.random.default_rng(0)
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
    t = rng.standard_normal((draws, size))
    t /= np.sqrt(rng.chisquare(freedom, draws) / freedom)[:, None]
    drawn = y + t @ half.T
    logits = np.column_stack([drawn, np.zeros(draws)])
    off = drawn - mean
    log_joint = (
        multinomial_coefficient(u)
        + logits @ u
        - total * logsumexp(logits, axis=1)
        - 0.5 * np.einsum("si,ij,sj->s", off, precision, off)
        - 0.5 * (size * np.log(2 * np.pi) - np.linalg.slogdet(precision)[1])
    )
    log_proposal = (
        gammaln((freedom + size) / 2)
        - gammaln(freedom / 2)
        - size / 2 * np.log(freedom * np.pi)
        - np.log(np.diag(half)).sum()
        - (freedom + size) / 2 * np.log1p((t**2).sum(1) / freedom)
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
        cells = problem([1, 5, 30, 300], seed=seed % 1000)
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
        shuffled = lnm.Params(*(array[order] for array in cells.params))
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


class TestGradient:
    @pytest.mark.parametrize("noise", [(0.05, 0.5), (1.0, 2.0), LOW_RANK])
    def test_against_finite_differences(self, noise: tuple[float, float]) -> None:
        """Exact: the modes' answer and that of log det J included."""
        cells = problem([1, 2, 3, 10, 100, 1000], noise=noise)
        cells.counts[0] = np.eye(8)[2] * 300
        sums, _ = evaluate(cells.params, cells.counts, tolerance=1e-12)
        step = 1e-5
        for name in lnm.Params._fields:
            if name == "log_noise" and noise == LOW_RANK:
                continue
            array = getattr(cells.params, name)
            slopes = getattr(sums, name)
            for index in np.ndindex(array.shape):
                if name == "log_noise" and cells.noise[index] == 0:
                    continue
                ends = []
                for sign in (1, -1):
                    moved = array.copy()
                    moved[index] += sign * step
                    params = cells.params._replace(**{name: moved})
                    ends.append(
                        float(evaluate(params, cells.counts, tolerance=1e-12)[0].log_marginal)
                    )
                expected = (ends[0] - ends[1]) / (2 * step)
                assert slopes[index] == pytest.approx(expected, rel=1e-6, abs=2e-7), (name, index)

    def test_without_noise_that_of_log_d_is_nothing(self) -> None:
        cells = problem(TOTALS, noise=LOW_RANK)
        sums, _ = evaluate(cells.params, cells.counts)
        assert np.abs(sums.log_noise).max() < 1e-12
        assert sums.noise_expected.max() < 1e-30

    def test_of_the_mean_sums_to_nothing(self) -> None:
        """A common constant of the logits is the intensity's."""
        cells = problem(TOTALS)
        sums, _ = evaluate(cells.params, cells.counts)
        assert sums.mean.sum() == pytest.approx(0, abs=1e-8)
        np.testing.assert_allclose(sums.loadings.sum(0), 0, atol=1e-7)


class TestSums:
    def test_blocks_add_up(self) -> None:
        cells = problem(TOTALS)
        whole, _ = evaluate(cells.params, cells.counts)
        parts = [evaluate(cells.params, cells.counts[rows])[0] for rows in (slice(4), slice(4, 10))]
        for name, one, *others in zip(whole._fields, whole, *parts, strict=True):
            np.testing.assert_allclose(one, sum(others), rtol=1e-9, atol=1e-9, err_msg=name)

    def test_padding_has_no_weight(self) -> None:
        cells = problem(TOTALS)
        weights = (np.arange(10) < 7).astype(float)
        padded, _ = evaluate(cells.params, cells.counts, weights=weights)
        alone, _ = evaluate(cells.params, cells.counts[:7])
        for name, one, other in zip(padded._fields, padded, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=name)
        assert padded.weight == 7

    def test_curvature_and_moments_are_what_they_say(self) -> None:
        """One cell, low rank: rates times E[(z, 1)(z, 1)'], and sd from the inverse of J."""
        cells = problem([50], noise=LOW_RANK)
        sums, found = evaluate(cells.params, cells.counts)
        z = found.latents.scores[0]
        rate = np.exp(cells.mean + cells.loadings @ z + found.latents.intensity[0])
        design = np.column_stack([cells.loadings, np.ones(8)])
        information = design.T * rate @ design + np.diag([1, 1, 0])
        covariance = np.linalg.inv(information)
        moments = np.outer([*z, 1], [*z, 1])
        moments[:2, :2] += covariance[:2, :2]
        np.testing.assert_allclose(sums.moments, moments, rtol=1e-8)
        np.testing.assert_allclose(unpack(sums.curvature), rate[:, None, None] * moments, rtol=1e-8)
        np.testing.assert_allclose(found.scores_sd[0] ** 2, np.diag(covariance)[:2], rtol=1e-8)
        np.testing.assert_allclose(
            unpack(np.asarray(pair_products(design))).T @ rate + np.diag([1, 1, 0]),
            information,
            rtol=1e-5,
        )
        assert rate.sum() == pytest.approx(50, rel=1e-9)


class TestNewton:
    @pytest.mark.parametrize(("dtype", "decrement"), [("float64", 1e-11), ("float32", 1e-3)])
    def test_extreme_cells_settle(self, dtype: str, decrement: float) -> None:
        """All counts in one gene, one count, two genes that share everything."""
        cells = problem([1] * 4, loading_scale=1.0)
        cells.counts[0] = np.eye(8)[5] * 1000
        cells.counts[1] = np.eye(8)[cells.mean.argmin()] * 3000
        cells.counts[2] = np.eye(8)[7]
        cells.counts[3] = (np.eye(8)[0] + np.eye(8)[1]) * 500
        sums, found = evaluate(cells.params, cells.counts, dtype=dtype, tolerance=decrement)
        assert found.decrement.max() <= decrement
        assert all(np.isfinite(array).all() for array in sums)
        assert (found.log_marginal < 0).all()
        assert (found.scores_sd > 0).all()
        assert (found.scores_sd <= 1 + 1e-6).all()

    def test_a_gene_seen_once_among_thousands_of_counts(self) -> None:
        cells = problem([20_000, 20_000], noise=(0.2, 0.5))
        mean = cells.mean.copy()
        mean[0] = -15
        cells.counts[:, 0] = [1, 0]
        sums, found = evaluate(cells.params._replace(mean=mean), cells.counts)
        assert found.decrement.max() < 1e-10
        # A count of one is a surprise that pulls the mean up, as none hardly pulls it down.
        assert sums.mean[0] == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_an_all_but_impossible_gene_costs_no_cell(self, dtype: str) -> None:
        cells = problem(TOTALS, noise=LOW_RANK)
        mean = cells.mean.copy()
        mean[0] = -60
        cells.counts[:, 0] = 0
        cells.counts[:, -1] += 1
        _, found = evaluate(
            cells.params._replace(mean=mean), cells.counts, dtype=dtype, tolerance=1e-3
        )
        assert found.decrement.max() < 1e-3
        assert np.isfinite(found.log_marginal).all()

    def test_many_noisy_rare_genes(self) -> None:
        """Few counts in hundreds of genes whose logits spread by e^1.5 and more."""
        cells = problem([1, 2, 3, 5, 10, 30, 100, 1000], genes=200, noise=(2.5, 2.5), seed=3)
        _, found = evaluate(cells.params, cells.counts, tolerance=1e-3, max_steps=40)
        assert found.decrement.max() < 1e-3

    def test_a_lost_cell_is_told_and_left_at_the_prior(self) -> None:
        cells = problem([100, 100])
        cells.counts[1, 0] = np.nan
        with np.errstate(invalid="ignore"):
            _, found = evaluate(cells.params, cells.counts)
        assert found.decrement[0] < 1e-10
        assert np.isinf(found.decrement[1])
        np.testing.assert_array_equal(found.latents.scores[1], 0)


class TestPrecision:
    def test_float32_agrees_with_float64(self) -> None:
        cells = problem([1, 10, 100, 1000, 5000] * 20, genes=200, factors=5, loading_scale=0.3)
        sums, found = evaluate(cells.params, cells.counts)
        single, found_single = evaluate(
            cells.params, cells.counts, dtype="float32", tolerance=1e-3, max_steps=40
        )
        assert found_single.decrement.max() < 2e-3
        off = np.abs(found.log_marginal - found_single.log_marginal)
        assert off.max() < 2e-3
        assert single.log_marginal == pytest.approx(sums.log_marginal, rel=1e-6)
        for name in ("mean", "loadings", "log_noise"):
            exact = getattr(sums, name)
            error = np.abs(getattr(single, name) - exact)
            # Against the scale of what is summed, not the small rest at an optimum.
            assert error.max() < 1e-3 * np.abs(exact).max(), name
        np.testing.assert_allclose(single.curvature, sums.curvature, rtol=1e-3, atol=1e-2)

    def test_float32_of_a_gene_that_has_most_counts(self) -> None:
        """Microbiomes: thousands of counts in a gene of large residual variance."""
        cells = problem([20_000] * 10, noise=(0.5, 2.0))
        _, found = evaluate(cells.params, cells.counts)
        _, single = evaluate(
            cells.params, cells.counts, dtype="float32", tolerance=1e-3, max_steps=40
        )
        assert single.decrement.max() < 2e-3
        assert np.abs(found.log_marginal - single.log_marginal).max() < 0.01


def test_constants_are_float64_and_finite() -> None:
    counts = np.array([[1.0, 0, 0], [1e6, 3, 0], [5, 5, 5]], np.float32)
    found = lnm.constants(counts)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
