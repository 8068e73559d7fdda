from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln, logsumexp, wrightomega
from scipy.stats import poisson

from engine.models import poisson_lognormal as pln

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
        mode = pln.residual_mode(x.astype(dtype), np.log(d).astype(dtype), u.astype(dtype))
        found = pln.psi(mode), pln.slope(mode), pln.slopes(mode).curvature
        value, slope, curvature = (np.asarray(array, float) for array in found)
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


@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.05, 0.3, 1.0, 3.0])
def test_closed_form_slopes_are_the_derivatives(d: float) -> None:
    def psi(x: jax.Array, log_d: jax.Array, u: jax.Array) -> jax.Array:
        return pln.psi(pln.residual_mode(x, log_d, u))

    def along(function: Callable, argument: int) -> Callable:
        return jax.grad(lambda *at: function(*at), argument)

    slope = along(psi, 0)
    bend = along(slope, 0)
    orders = (slope, bend, along(bend, 0), along(psi, 1), along(slope, 1), along(bend, 1))
    signs = np.array([1, -1, -1, 1, 1, -1])
    with jax.enable_x64():
        x, u = (jnp.asarray(array) for array in GRID)
        log_d = jnp.full_like(x, np.log(d))
        mode = pln.residual_mode(x, log_d, u)
        found = pln.slopes(mode)
        for name, values, order, sign in zip(found._fields, found, orders, signs, strict=True):
            expected = sign * np.asarray(jax.jit(jax.vmap(order))(x, log_d, u))
            scale = 1 + np.abs(expected)
            assert (np.abs(np.asarray(values) - expected) / scale).max() < 1e-10, name
        np.testing.assert_array_equal(found.slope, pln.slope(mode))


@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.05, 0.3, 1.0, 3.0])
def test_the_metric_is_positive_and_close_to_the_curvature(d: float) -> None:
    with jax.enable_x64():
        mode = pln.residual_mode(GRID[0], np.log(d), GRID[1])
        metric, curvature = np.asarray(pln.metric(mode)), np.asarray(pln.slopes(mode).curvature)
    assert (metric > 0).all()
    assert (curvature > 0).all()
    # They part where counts are rare: by the factor exp(d / 2) of the mean rate.
    assert (np.abs(curvature / metric - 1) < np.expm1(d / 2) + 1e-9).all()


@pytest.mark.parametrize("d", [np.exp(pln.LOG_NO_NOISE), 0.01, 0.1, 0.3, 1.0, 2.0])
def test_float32_of_plausible_counts(d: float) -> None:
    """Sums of thousands of them stay exact."""
    likely = plausible(GRID[0], d, GRID[1])
    x, u = GRID[0][likely].astype(np.float32), GRID[1][likely]
    exact, single = expansion(x.astype(float), d, u), expansion(x, d, u, "float32")
    scale = 1 + np.sqrt(exact[2])
    assert (np.abs(single[0] - exact[0]) / scale).max() < 1e-5
    assert (np.abs(single[1] - exact[1]) / scale).max() < 1e-4
    np.testing.assert_allclose(single[2], exact[2], rtol=1e-4)


@pytest.mark.parametrize("u", [3e3, 1e5])
@pytest.mark.parametrize("d", [0.05, 0.5, 3.0])
def test_float32_of_large_counts(d: float, u: float) -> None:
    """The slope of a gene with most of the counts is precise to a part of its own spread."""
    x = (np.log(u) + np.sqrt(d) * np.linspace(-3, 3, 201)).astype(np.float32)
    counts = np.full(x.shape, u)
    exact, single = expansion(x.astype(float), d, counts), expansion(x, d, counts, "float32")
    assert (np.abs(single[1] - exact[1]) / np.sqrt(exact[2])).max() < 1e-3


def test_it_broadcasts() -> None:
    mode = pln.residual_mode(np.zeros((4, 3), np.float32), np.zeros(3, np.float32), np.ones((4, 3)))
    assert pln.psi(mode).shape == pln.slope(mode).shape == (4, 3)
