from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.lnm.capture import capture_below, capture_mode, capture_posterior, log_negative_binomial

# Totals, location and scale of eta, mean at efficiency one, concentration.
Cell = tuple[float, float, float, float, float]
ORDINARY = [
    (3000.0, 4.2, 0.5, 2e5, 5.0),
    (1.0, 4.2, 0.5, 2e5, 5.0),
    (50_000.0, 4.2, 0.5, 2e5, 5.0),
    (3000.0, 4.2, 0.05, 2e5, 5.0),
    (3000.0, 4.2, 3.0, 2e5, 0.3),
    (3000.0, 4.2, 0.5, 2e5, 5000.0),
    (200.0, 1.0, 1.0, 500.0, 2.0),
]
BOUNDARY = [
    # More counts than molecules: eta is pressed against zero.
    (1e4, 0.5, 0.5, 1e3, 5.0),
    # Anchored below zero: more library than molecules expected.
    (5e3, -2.0, 0.5, 3e3, 5.0),
    (3e3, 0.0, 0.5, 3e3, 1000.0),
    (2900.0, 0.05, 0.3, 3e3, 20.0),
]
PRESSED = [
    (1e5, 0.1, 0.5, 1e3, 50.0),
    (1e6, 3.0, 0.5, 1e3, 5.0),
    (2e4, 0.5, 0.5, 3e3, 6000.0),
    (1e6, 0.5, 0.5, 3e3, 6000.0),
]


NODES, WEIGHTS = np.polynomial.legendre.leggauss(10)


def integrated(cell: Cell) -> tuple[float, float, float, float, float]:
    """Posterior moments and log evidence by scipy, from its own densities."""
    total, location, scale, mean, concentration = cell
    prior = stats.truncnorm(-location / scale, np.inf, loc=location, scale=scale)

    def log_joint(eta: np.ndarray) -> np.ndarray:
        q = mean * np.exp(-eta)
        likelihood = stats.nbinom.logpmf(total, concentration, concentration / (concentration + q))
        return prior.logpdf(eta) + likelihood

    # The peak from a grid refined twice: no derivative, no Newton.
    low, high = 0.0, max(location, 0.0) + 15.0
    for _ in range(3):
        grid = np.linspace(low, high, 2001)
        values = log_joint(grid)
        peak = int(values.argmax())
        step = grid[1] - grid[0]
        near = values > values[peak] - 40
        low, high = max(grid[near].min() - step, 0.0), grid[near].max() + step
    top = float(values[peak])
    # Ten nodes in each of 500 panels: adaptive quadrature finds nothing to refine.
    edges = np.linspace(low, high, 501)
    half = (edges[1] - edges[0]) / 2
    at = (edges[:-1, None] + half * (1 + NODES)).ravel()
    weights = np.exp(log_joint(at) - top) * np.tile(half * WEIGHTS, 500)
    mass = weights.sum()

    def expected(values: np.ndarray) -> float:
        return float(weights @ values / mass)

    eta, efficiency = expected(at), expected(np.exp(-at))
    return (
        eta,
        np.sqrt(expected((at - eta) ** 2)),
        efficiency,
        np.sqrt(expected((np.exp(-at) - efficiency) ** 2)),
        top + np.log(mass),
    )


@pytest.mark.parametrize("cell", ORDINARY + BOUNDARY + PRESSED)
def test_moments_and_evidence_against_integration(cell: Cell) -> None:
    found = capture_posterior(np.array([cell[0]]), *cell[1:])
    *moments, evidence = integrated(cell)
    for name, value, expected in zip(found._fields, found, moments, strict=False):
        assert value[0] == pytest.approx(expected, rel=1e-5, abs=1e-9), name
    assert found.log_evidence[0] == pytest.approx(evidence, abs=1e-6)


@pytest.mark.parametrize("cell", ORDINARY + BOUNDARY)
def test_the_distribution_has_the_moments(cell: Cell) -> None:
    """Mean and variance are integrals of the probability to be above a value."""
    found = capture_posterior(np.array([cell[0]]), *cell[1:])
    eta = np.linspace(0, found.eta[0] + 12 * found.eta_sd[0], 4001)
    above = 1 - capture_below(eta, np.full(len(eta), cell[0]), *cell[1:])
    assert (np.diff(above) <= 1e-9).all()
    assert np.trapezoid(above, eta) == pytest.approx(found.eta[0], rel=1e-4)
    second = np.trapezoid(2 * eta * above, eta)
    assert np.sqrt(second - found.eta[0] ** 2) == pytest.approx(found.eta_sd[0], rel=1e-2)


def test_cells_at_the_boundary_stay_within() -> None:
    for cell in BOUNDARY:
        found = capture_posterior(np.array([cell[0]]), *cell[1:])
        mode, *_ = capture_mode(np.array([cell[0]]), *cell[1:])
        assert mode[0] >= 0
        assert found.eta[0] > 0
        assert 0 < found.efficiency[0] < 1
    pressed = BOUNDARY[0]
    assert capture_mode(np.array([pressed[0]]), *pressed[1:])[0][0] == 0


@given(
    st.floats(1, 1e7),
    st.floats(-3, 8),
    st.floats(0.05, 3),
    st.floats(1, 1e6),
    st.floats(0.1, 1e4),
)
@settings(max_examples=100)
def test_any_cell_has_a_posterior(
    total: float, location: float, scale: float, mean: float, concentration: float
) -> None:
    total = float(round(total))
    found = capture_posterior(np.array([total]), location, scale, mean, concentration)
    assert all(np.isfinite(field).all() for field in found)
    assert found.eta[0] >= 0
    assert 0 < found.efficiency[0] <= 1
    assert found.eta_sd[0] > 0
    # A log-concave likelihood narrows a normal, truncated or not (Brascamp & Lieb 1976).
    assert found.eta_sd[0] <= scale * (1 + 1e-6)


def test_cells_are_independent_of_each_other() -> None:
    totals = np.array([10.0, 3000.0, 2e6])
    location = np.array([5.0, 4.0, 0.2])
    whole = capture_posterior(totals, location, 0.5, 2e5, 5.0)
    for c in range(3):
        alone = capture_posterior(totals[[c]], location[[c]], 0.5, 2e5, 5.0)
        for one, other in zip(whole, alone, strict=True):
            assert one[c] == pytest.approx(other[0], rel=1e-9)


def test_the_mode_is_stationary_and_its_curvature_true() -> None:
    totals = np.array([3000.0, 1.0, 50_000.0])
    mode, sd, *_ = capture_mode(totals, 4.2, 0.5, 2e5, 5.0)

    def log_posterior(eta: np.ndarray) -> np.ndarray:
        return log_negative_binomial(totals, 2e5 * np.exp(-eta), 5.0) - (eta - 4.2) ** 2 / 0.5

    step = 3e-3
    ends = log_posterior(mode + step), log_posterior(mode), log_posterior(mode - step)
    np.testing.assert_allclose((ends[0] - ends[2]) / (2 * step), 0, atol=1e-3)
    np.testing.assert_allclose(-(ends[0] - 2 * ends[1] + ends[2]) / step**2, sd**-2, rtol=1e-4)


@given(st.integers(0, 10**6), st.floats(1e-3, 1e6), st.floats(0.05, 1e4))
@settings(max_examples=100)
def test_negative_binomial_is_that_of_scipy(total: int, mean: float, concentration: float) -> None:
    expected = stats.nbinom.logpmf(total, concentration, concentration / (concentration + mean))
    found = log_negative_binomial(np.array(float(total)), mean, concentration)
    assert float(found) == pytest.approx(expected, rel=1e-7, abs=1e-6)


def test_no_cells() -> None:
    found = capture_posterior(np.empty(0), np.empty(0), 0.5, 2e5, 5.0)
    assert all(field.shape == (0,) for field in found)
