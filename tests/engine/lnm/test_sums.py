from __future__ import annotations

import numpy as np
import pytest

from engine.lnm import equations
from engine.lnm.packing import pair_products, unpack
from tests.engine.problems import evaluate, problem

TOTALS = [1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000]
LOW_RANK = (0.0, 0.0)


class TestGradient:
    @pytest.mark.parametrize("volume", [np.zeros((2, 2)), np.array([[0.8, 0.2], [0.2, 1.5]])])
    @pytest.mark.parametrize("noise", [(0.05, 0.5), (1.0, 2.0), LOW_RANK])
    def test_against_finite_differences(
        self, noise: tuple[float, float], volume: np.ndarray
    ) -> None:
        """Exact: the modes' answer and that of log det J included, and the volume's term."""

        def objective(params: equations.Params) -> float:
            sums, _ = evaluate(params, cells.counts, tolerance=1e-12)
            return float(sums.log_marginal - 0.5 * np.sum(volume * sums.moments[:-1, :-1]))

        cells = problem(TOTALS, noise=noise)
        cells.counts[0] = np.eye(8)[2] * 300
        sums, _ = evaluate(cells.params, cells.counts, tolerance=1e-12, volume=volume)
        step = 1e-5
        for name in equations.Params._fields:
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
                    ends.append(objective(params))
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
        parts = [evaluate(cells.params, cells.counts[rows])[0] for rows in (slice(5), slice(5, 10))]
        for name, one, *others in zip(whole._fields, whole, *parts, strict=True):
            np.testing.assert_allclose(one, sum(others), rtol=1e-9, atol=1e-9, err_msg=name)

    def test_padding_has_no_weight(self) -> None:
        cells = problem(TOTALS)
        weights = (np.arange(10) < 5).astype(float)
        padded, _ = evaluate(cells.params, cells.counts, weights=weights)
        alone, _ = evaluate(cells.params, cells.counts[:5])
        for name, one, other in zip(padded._fields, padded, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=name)
        assert padded.weight == 5

    def test_curvature_and_moments_are_what_they_say(self) -> None:
        """Low rank: rates times E[(z, 1)(z, 1)'], and sd from the inverse of J."""
        cells = problem([50, 3, 10, 200, 1000], noise=LOW_RANK)
        sums, found = evaluate(cells.params, cells.counts)
        design = np.column_stack([cells.loadings, np.ones(8)])
        pairs = unpack(np.asarray(pair_products(design)))
        all_moments, curvature = np.zeros((3, 3)), np.zeros((8, 3, 3))
        for cell, z in enumerate(found.latents.scores):
            rate = np.exp(cells.mean + cells.loadings @ z + found.latents.intensity[cell])
            information = design.T * rate @ design + np.diag([1, 1, 0])
            covariance = np.linalg.inv(information)
            moments = np.outer([*z, 1], [*z, 1])
            moments[:2, :2] += covariance[:2, :2]
            all_moments += moments
            curvature += rate[:, None, None] * moments
            variance = found.scores_sd[cell] ** 2
            np.testing.assert_allclose(variance, np.diag(covariance)[:2], rtol=1e-8)
            by_pairs = pairs.T @ rate + np.diag([1, 1, 0])
            np.testing.assert_allclose(by_pairs, information, rtol=1e-5)
            assert rate.sum() == pytest.approx(cells.counts[cell].sum(), rel=1e-9)
        np.testing.assert_allclose(sums.moments, all_moments, rtol=1e-8)
        np.testing.assert_allclose(unpack(sums.curvature), curvature, rtol=1e-8)


class TestNewton:
    @pytest.mark.parametrize(("dtype", "decrement"), [("float64", 1e-11), ("float32", 1e-3)])
    def test_extreme_cells_settle(self, dtype: str, decrement: float) -> None:
        """All counts in one gene, one count, two genes that share everything."""
        cells = problem([1] * 10, loading_scale=1.0)
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
        cells = problem([20_000] * 5, noise=(0.2, 0.5))
        mean = cells.mean.copy()
        mean[0] = -15
        cells.counts[:, 0] = [1, 0, 0, 0, 0]
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
        totals = [1, 2, 3, 5, 10, 30, 100, 1000, 5000, 5] * 10
        cells = problem(totals, genes=200, factors=5, noise=(2.5, 2.5), seed=3)
        _, found = evaluate(cells.params, cells.counts, tolerance=1e-3, max_steps=40)
        assert found.decrement.max() < 1e-3

    def test_near_the_mode_a_move_squares_the_decrement(self) -> None:
        """By the curvature itself; another metric gains a decimal a move."""
        cells = problem([30, 100, 1000, 5000] * 5, genes=200, factors=5, noise=(0.5, 1.5))
        left = [
            evaluate(cells.params, cells.counts, tolerance=1e-13, max_steps=moves)[1].decrement
            for moves in (6, 7, 8)
        ]
        near = left[0] < 0.3
        assert near.sum() > 10
        assert (left[1][near] < 0.3 * left[0][near] ** 2 + 1e-12).all()
        assert left[2].max() < 1e-7

    def test_latents_are_those_a_move_after_the_last_evaluation(self) -> None:
        cells = problem([30, 100, 1000, 5000] * 5, genes=200, factors=5)
        _, exact = evaluate(cells.params, cells.counts)
        _, found = evaluate(cells.params, cells.counts, tolerance=0.3)
        assert found.decrement.max() > 1e-4
        off = np.abs(found.latents.scores - exact.latents.scores).max(1)
        assert (off <= 0.3 * found.decrement**2 + 1e-9).all()

    def test_a_start_that_is_no_number_costs_its_cell_alone(self) -> None:
        """Sums stay finite, and are those of the other cells."""
        cells = problem([100] * 5)
        weights = np.array([1.0, 0, 1, 1, 1])
        start = equations.Latents(np.zeros((5, 2)), np.array([3, np.nan, 3, 3, 3]))
        sums, found = evaluate(cells.params, cells.counts, weights=weights, start=start)
        others, _ = evaluate(cells.params, cells.counts[[0, 2, 3, 4]])
        np.testing.assert_array_equal(np.isfinite(found.decrement), weights)
        np.testing.assert_array_equal(found.latents.scores[1], 0)
        for name, one, other in zip(sums._fields, sums, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=name)

    def test_a_lost_cell_is_told_and_left_at_the_prior(self) -> None:
        cells = problem([100] * 5)
        cells.counts[1, 0] = np.nan
        with np.errstate(invalid="ignore"):
            _, found = evaluate(cells.params, cells.counts)
        assert found.decrement[[0, 2, 3, 4]].max() < 1e-10
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
    found = equations.constants(counts)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
