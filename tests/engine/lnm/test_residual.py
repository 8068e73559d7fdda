from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
import pytest
from scipy.special import gammaln, logsumexp, wrightomega
from scipy.stats import poisson

from engine.lnm import residual as pln


class Expansion(NamedTuple):
    """What is taken from the mode of a residual."""

    psi: jax.Array
    slope: jax.Array
    metric: jax.Array
    slopes: pln.Slopes


# Compiled once in each precision: all tests have as many pairs of x and u.
@jax.jit
def expanded(x: jax.Array, log_d: jax.Array, u: jax.Array) -> Expansion:
    mode = pln.residual_mode(x, log_d, u)
    return Expansion(pln.psi(mode), pln.slope(mode), pln.metric(mode), pln.slopes(mode))


@jax.jit
def derivatives(x: jax.Array, log_d: jax.Array, u: jax.Array) -> list[jax.Array]:
    """The derivatives that `pln.Slopes` has, automatic ones of psi."""

    def psi(x: jax.Array, log_d: jax.Array, u: jax.Array) -> jax.Array:
        return pln.psi(pln.residual_mode(x, log_d, u))

    slope = jax.grad(psi)
    bend = jax.grad(slope)
    orders = (slope, bend, jax.grad(bend), *(jax.grad(f, 1) for f in (psi, slope, bend)))
    signs = (1, -1, -1, 1, 1, -1)
    return [
        sign * jax.vmap(order, (0, None, 0))(x, log_d, u)
        for sign, order in zip(signs, orders, strict=True)
    ]


NODES, WEIGHTS = np.polynomial.hermite.hermgauss(61)
X = np.arange(-8, 6.01, 0.5)
U = np.array([*range(11), 15, 20, 30, 50, 70, 100, 150, 200, 300, 400], float)
GRID = tuple(array.ravel() for array in np.meshgrid(X, U))


def quadrature(x: np.ndarray, d: float, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """psi, psi' and -psi'' by adaptive Gauss-Hermite: nodes about the mode, in its spread."""
    t = wrightomega(np.log(d) + x + d * u)
    spread = np.sqrt(2 * d / (1 + t))
    e = (d * u - t)[:, None] + spread[:, None] * NODES
    rate = np.exp(x[:, None] + e)
    log_mass = u[:, None] * (x[:, None] + e) - rate - e**2 / (2 * d) + NODES**2 + np.log(WEIGHTS)
    value = logsumexp(log_mass, axis=1)
    mass = np.exp(log_mass - value[:, None])
    slope = (mass * (u[:, None] - rate)).sum(1)
    scatter = (mass * (u[:, None] - rate - slope[:, None]) ** 2).sum(1)
    value += np.log(spread) - 0.5 * np.log(2 * np.pi * d)
    return value, slope, (mass * rate).sum(1) - scatter


def expansion(
    x: np.ndarray, d: float, u: np.ndarray, dtype: str = "float64"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with jax.enable_x64(dtype == "float64"):
        found = expanded(x.astype(dtype), np.log(d).astype(dtype), u.astype(dtype))
        parts = found.psi, found.slope, found.slopes.curvature
        value, slope, curvature = (np.asarray(array, float) for array in parts)
    return value + saturated(u), slope, curvature


def saturated(u: np.ndarray) -> np.ndarray:
    """u log u - u, which `psi` leaves out."""
    return u * np.log(np.maximum(u, 1)) - u


def plausible(x: np.ndarray, d: float, u: np.ndarray) -> np.ndarray:
    """Counts within ten standard deviations of what is expected."""
    expected = np.exp(x + d / 2)
    return np.abs(u - expected) < 10 * np.sqrt(expected + expected**2 * np.expm1(d))


@pytest.mark.parametrize(
    ("d", "error"), [(0.01, 1e-8), (0.1, 1e-6), (0.3, 1e-5), (1.0, 2.2e-4), (2.0, 2e-3)]
)
def test_psi_against_quadrature(d: float, error: float) -> None:
    found, expected = expansion(GRID[0], d, GRID[1]), quadrature(GRID[0], d, GRID[1])
    assert np.abs(found[0] - expected[0]).max() < error


@pytest.mark.parametrize(
    ("d", "error"), [(0.01, 1e-7), (0.1, 2e-6), (0.3, 2e-5), (1.0, 5e-4), (2.0, 4e-3)]
)
def test_slope_and_curvature_against_quadrature(d: float, error: float) -> None:
    found, expected = expansion(GRID[0], d, GRID[1]), quadrature(GRID[0], d, GRID[1])
    assert np.abs(found[1] - expected[1]).max() < error
    assert np.abs(found[2] - expected[2]).max() < error


def test_the_quadrature_itself_is_a_density() -> None:
    """Summed over all counts, exp(psi) / u! is one."""
    u = np.arange(2000.0)
    for d, x in ((0.3, 2.0), (1.0, 0.0), (2.0, -1.0)):
        psi = quadrature(np.full_like(u, x), d, u)[0]
        assert logsumexp(psi - gammaln(u + 1)) == pytest.approx(0, abs=1e-6)


def test_without_noise_it_is_poisson() -> None:
    x, u = GRID
    value, slope, curvature = expansion(x, np.exp(pln.LOG_NO_NOISE), u)
    np.testing.assert_allclose(value - gammaln(u + 1), poisson.logpmf(u, np.exp(x)), rtol=1e-13)
    np.testing.assert_allclose(slope, u - np.exp(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(curvature, np.exp(x), rtol=1e-12)


def test_little_noise_is_close_to_none() -> None:
    x, u = GRID
    near = np.abs(expansion(x, 1e-9, u)[0] - expansion(x, np.exp(pln.LOG_NO_NOISE), u)[0])
    # Half d times the second derivative of the density, to first order in d.
    assert (near <= 0.51e-9 * ((u - np.exp(x)) ** 2 + np.exp(x)) + 1e-11 * (1 + u)).all()


@pytest.mark.slow
@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.05, 0.3, 1.0, 3.0])
def test_closed_form_slopes_are_the_derivatives(d: float) -> None:
    with jax.enable_x64():
        found = expanded(GRID[0], np.log(d), GRID[1])
        automatic = derivatives(GRID[0], np.log(d), GRID[1])
    for name, values, order in zip(found.slopes._fields, found.slopes, automatic, strict=True):
        expected = np.asarray(order)
        scale = 1 + np.abs(expected)
        assert (np.abs(np.asarray(values) - expected) / scale).max() < 1e-10, name
    np.testing.assert_array_equal(found.slopes.slope, found.slope)


@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.05, 0.3, 1.0, 3.0])
def test_the_metric_is_positive_and_close_to_the_curvature(d: float) -> None:
    with jax.enable_x64():
        found = expanded(GRID[0], np.log(d), GRID[1])
    metric, curvature = np.asarray(found.metric), np.asarray(found.slopes.curvature)
    assert (metric > 0).all()
    assert (curvature > 0.46 * metric).all()
    assert (curvature < 1.16 * metric).all()
    # They part where counts are rare: by the factor exp(d / 2) of the mean rate.
    assert (np.abs(curvature / metric - 1) < np.expm1(d / 2) + 1e-9).all()


@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.01, 0.1, 0.3, 1.0, 2.0])
def test_float32_of_plausible_counts(d: float) -> None:
    """Sums of thousands of them stay exact."""
    likely = plausible(GRID[0], d, GRID[1])
    exact, single = (
        [array[likely] for array in expansion(GRID[0], d, GRID[1], dtype)]
        for dtype in ("float64", "float32")
    )
    scale = 1 + np.sqrt(exact[2])
    assert (np.abs(single[0] - exact[0]) / scale).max() < 1e-5
    assert (np.abs(single[1] - exact[1]) / scale).max() < 1e-4
    np.testing.assert_allclose(single[2], exact[2], rtol=1e-4)


@pytest.mark.parametrize("u", [3e3, 1e5])
@pytest.mark.parametrize("d", [0.05, 0.5, 3.0])
def test_float32_of_large_counts(d: float, u: float) -> None:
    """The slope of a gene with most of the counts is precise to a part of its own spread."""
    x = (np.log(u) + np.sqrt(d) * np.linspace(-3, 3, len(GRID[0]))).astype(np.float32)
    counts = np.full(x.shape, u)
    exact, single = expansion(x.astype(float), d, counts), expansion(x, d, counts, "float32")
    assert (np.abs(single[1] - exact[1]) / np.sqrt(exact[2])).max() < 1e-3


def test_it_broadcasts() -> None:
    some = jax.ShapeDtypeStruct((4, 3), np.float32)
    found = jax.eval_shape(expanded, some, jax.ShapeDtypeStruct((3,), np.float32), some)
    assert found.psi.shape == found.slope.shape == (4, 3)
