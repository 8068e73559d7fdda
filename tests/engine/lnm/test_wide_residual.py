from __future__ import annotations

import jax
import numpy as np
import pytest

from engine.lnm import residual as pln
from engine.lnm.residual import NARROW
from engine.lnm.wide_residual import WIDE
from tests.engine.lnm.test_residual import GRID, Expansion, quadrature, saturated
from tests.engine.problems import evaluate, problem


# Compiled once in each precision; with the expansion, as both are to be equal.
@jax.jit
def integrated(
    x: jax.Array, log_d: jax.Array, u: jax.Array
) -> tuple[pln.Mode, Expansion, Expansion]:
    mode = pln.residual_mode(x, log_d, u)
    wide, narrow = (
        Expansion(of.psi(mode), of.slope(mode), of.metric(mode), of.slopes(mode))
        for of in (WIDE, NARROW)
    )
    return mode, wide, narrow


@pytest.mark.parametrize(("d", "error"), [(1.5, 1e-3), (3.0, 2e-3), (5.0, 2e-3), (10.0, 5e-3)])
def test_psi_slope_and_curvature_against_quadrature(d: float, error: float) -> None:
    x, u = GRID
    with jax.enable_x64():
        _, found, _ = integrated(x, np.log(d), u)
    curvature, metric = np.asarray(found.slopes.curvature), np.asarray(found.metric)
    value, slope, bend = quadrature(x, d, u)
    assert np.abs(np.asarray(found.psi) + saturated(u) - value).max() < error
    assert np.abs(np.asarray(found.slope) - slope).max() < 5 * error
    assert np.abs(curvature - bend).max() < 10 * error
    assert (curvature > 0).all()
    assert (metric > 0).all()


@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.1, 1.0])
def test_where_residuals_are_narrow_it_is_the_expansion(d: float) -> None:
    with jax.enable_x64():
        _, wide, narrow = integrated(GRID[0], np.log(d), GRID[1])
    for name in ("psi", "slope", "metric"):
        np.testing.assert_array_equal(getattr(wide, name), getattr(narrow, name), err_msg=name)
    for one, other in zip(wide.slopes, narrow.slopes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_float32_of_wide_residuals() -> None:
    x, u = GRID
    for d in (2.0, 8.0):
        _, found, _ = integrated(x.astype(np.float32), np.float32(np.log(d)), u.astype(np.float32))
        with jax.enable_x64():
            mode, exact, _ = integrated(x, np.log(d), u)
        wide = np.asarray(mode.d) * np.asarray(mode.i) > 1.01
        for one, other in ((found.psi, exact.psi), (found.slope, exact.slope)):
            assert np.abs(np.asarray(one, float) - np.asarray(other))[wide].max() < 1e-4


def test_newton_settles_on_many_noisy_rare_genes() -> None:
    cells = problem([1, 2, 3, 5, 10, 30, 100, 1000], genes=200, noise=(4.0, 8.0), seed=3)
    _, found = evaluate(cells.params, cells.counts, tolerance=1e-3, max_steps=40, integral=WIDE)
    assert found.decrement.max() < 1e-3


@pytest.mark.parametrize("d", [2.0, 4.0, 8.0])
def test_moments_are_the_derivatives_of_the_integral(d: float) -> None:
    """In x and log d, against differences of the fine quadrature."""
    x, u = GRID
    step, log_d = 1e-4, np.log(d)
    in_x = [quadrature(x + end, d, u) for end in (step, -step)]
    in_log_d = [quadrature(x, np.exp(log_d + end), u) for end in (step, -step)]
    expected = {
        "curvature_x": (in_x[0][2] - in_x[1][2]) / (2 * step),
        "log_d": (in_log_d[0][0] - in_log_d[1][0]) / (2 * step),
        "slope_log_d": (in_log_d[0][1] - in_log_d[1][1]) / (2 * step),
        "curvature_log_d": (in_log_d[0][2] - in_log_d[1][2]) / (2 * step),
    }
    with jax.enable_x64():
        _, found, _ = integrated(x, log_d, u)
    # Twelve nodes tell the higher moments less well.
    for name, error in zip(expected, (0.1, 0.01, 0.03, 0.07), strict=True):
        assert np.abs(np.asarray(getattr(found.slopes, name)) - expected[name]).max() < error, name


def test_gradient_against_finite_differences() -> None:
    """That of the integral, which twelve nodes approximate: to a few per cent of its length."""
    cells = problem([1, 3, 10, 100, 1000], noise=(2.0, 5.0))
    sums, _ = evaluate(cells.params, cells.counts, tolerance=1e-12, integral=WIDE)
    found, expected, step = [], [], 1e-5
    for name in cells.params._fields:
        array, slopes = getattr(cells.params, name), getattr(sums, name)
        for gene in range(7):
            index = (gene, 0)[: array.ndim]
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[index] += sign * step
                params = cells.params._replace(**{name: moved})
                ends.append(
                    evaluate(params, cells.counts, tolerance=1e-12, integral=WIDE)[0].log_marginal
                )
            found.append(slopes[index])
            expected.append(float(ends[0] - ends[1]) / (2 * step))
    off = np.linalg.norm(np.subtract(found, expected))
    assert off < 0.05 * np.linalg.norm(expected)
