"""Every draw has the distribution it is said to have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import wrightomega

from engine.checks.predictive.multinomial import draw_multinomial
from engine.lnm.drawn_residuals import draw_intensities, normals
from engine.lnm.drawn_totals import draw_truncated, drawn_totals
from engine.results import Totals
from tests.engine.checks.predictive.truth import simulated


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_multinomial_rows_add_up(rng: np.random.Generator) -> None:
    totals = np.array([0, 1, 2, 3, 10, 100, 5000, 200_000] * 5)
    weights = rng.gamma(0.3, size=(len(totals), 30)).astype(np.float32)
    weights[:, 4] = 0
    counts = draw_multinomial(weights, totals, rng)
    np.testing.assert_array_equal(counts.sum(1), totals)
    np.testing.assert_array_equal(counts[:, 4], 0)
    assert counts.min() >= 0
    np.testing.assert_array_equal(counts, np.rint(counts))


@pytest.mark.parametrize("total", [2, 3, 4])
def test_multinomial_of_few_counts_is_exact(total: int, rng: np.random.Generator) -> None:
    """Every outcome by a chi-square test."""
    shares = np.array([0.5, 0.3, 0.2])
    n = 40_000
    weights = np.tile((3 * shares).astype(np.float32), (n, 1))
    drawn = draw_multinomial(weights, np.full(n, total), rng).astype(int)
    outcomes, seen = np.unique(drawn, axis=0, return_counts=True)
    expected = n * stats.multinomial.pmf(outcomes, total, shares)
    assert len(outcomes) == (total + 1) * (total + 2) // 2
    assert stats.chisquare(seen, expected).pvalue > 0.01


def test_multinomial_moments(rng: np.random.Generator) -> None:
    shares = np.array([0.6, 0.25, 0.1, 0.04, 0.01])
    n, total = 40_000, 700
    drawn = draw_multinomial(np.tile(shares.astype(np.float32), (n, 1)), np.full(n, total), rng)
    covariance = total * (np.diag(shares) - np.outer(shares, shares))
    error = np.sqrt(np.diag(covariance) / n)
    np.testing.assert_array_less(np.abs(drawn.mean(0) - total * shares), 4 * error)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    found = (np.cov(drawn.T) - covariance) / scale
    assert np.abs(found).max() < 5 * np.sqrt(2 / n)


@pytest.mark.parametrize("total", [20, 1000])
def test_every_column_of_a_multinomial_is_binomial(total: int, rng: np.random.Generator) -> None:
    """Means from 2e-4 to 500: zeros, counts by inversion and those too large for it."""
    shares = np.append(np.geomspace(1e-5, 0.2, 18), 0.5)
    shares[-1] += 1 - shares.sum()
    n = 30_000
    drawn = draw_multinomial(np.tile(shares.astype(np.float32), (n, 1)), np.full(n, total), rng)
    for share, column in zip(shares, drawn.T, strict=True):
        exact = stats.binom(total, share)
        # Bins of equal chances as far as whole counts allow.
        bins = np.unique([-1, *exact.ppf(np.linspace(0, 1, 21)[1:-1]), total])
        expected = n * np.diff(exact.cdf(bins))
        seen = np.histogram(column, bins + 0.5)[0]
        assert expected.min() > 5
        assert stats.chisquare(seen, expected).pvalue > 1e-4
        assert column.mean() == pytest.approx(exact.mean(), abs=4.5 * exact.std() / np.sqrt(n))


# counts, x, d: t from 0.01 to 300, on both sides of the change of proposals.
CASES = [
    (0, -4, 0.5),
    (0, 0, 1),
    (1, -3, 2),
    (2, 0.5, 0.3),
    (30, 3, 0.1),
    (500, 6, 0.5),
    (3, -2, 4),
]


@pytest.mark.parametrize("change", [-0.7, 0.0, 0.5])
def test_residuals_follow_their_posterior(change: float, rng: np.random.Generator) -> None:
    """Against the density integrated numerically, the centre taken where x was not."""
    counts, x, noise = (np.array(column, np.float32) for column in zip(*CASES, strict=True))
    t = wrightomega(np.log(noise) + x + noise * counts).astype(np.float32)
    n = 4000
    moved = np.full((n, len(CASES)), change, np.float32)
    drawn = draw_intensities(x, moved, counts, noise, noise * counts - t, t, rng)
    for j, (u, own, d) in enumerate(CASES):
        residuals = np.log(drawn[:, j]) - own - change
        grid = np.linspace(-12 * np.sqrt(d), 12 * np.sqrt(d), 20_001)
        log = u * grid - np.exp(own + change + grid) - grid**2 / (2 * d)
        density = np.exp(log - log.max())
        cumulative = integrate.cumulative_trapezoid(density, grid, initial=0)
        cumulative /= cumulative[-1]
        test = stats.kstest(residuals, lambda v, g=grid, c=cumulative: np.interp(v, g, c))
        assert test.pvalue > 1e-3, (u, own, d)


def test_no_residual_without_noise(rng: np.random.Generator) -> None:
    x = np.array([1.0, -2.0], np.float32)
    zero = np.zeros(2, np.float32)
    noise = np.full(2, np.exp(-46), np.float32)
    change = np.array([[0.0, 0.0], [0.5, -0.5]], np.float32)
    drawn = draw_intensities(x, change, zero, noise, zero, noise * np.exp(x), rng)
    np.testing.assert_allclose(drawn, np.exp(x + change), rtol=1e-5)


@pytest.mark.parametrize(("location", "scale"), [(3, 0.5), (0.2, 1), (0, 1), (-2, 1), (-30, 1)])
def test_truncated_gaussian(location: float, scale: float, rng: np.random.Generator) -> None:
    drawn = draw_truncated(location, scale, 20_000, rng)
    exact = stats.truncnorm(-location / scale, np.inf, location, scale)
    assert drawn.min() >= 0
    assert stats.kstest(drawn, exact.cdf).pvalue > 1e-3
    np.testing.assert_array_equal(draw_truncated(location, 0, 3, rng), max(location, 0))


def test_totals_of_a_negative_binomial(rng: np.random.Generator) -> None:
    fit, counts = simulated("lnm")
    fit = replace(fit, totals=Totals(50.0, 4.0))
    totals = drawn_totals(fit, counts, "laplace")
    assert totals is not None
    drawn = totals.draw(3, 50_000, rng)
    assert drawn.mean() == pytest.approx(50, rel=0.01)
    assert drawn.var() == pytest.approx(50 + 50**2 / 4, rel=0.03)


def test_totals_of_captured_cells(rng: np.random.Generator) -> None:
    fit, counts = simulated("lnmvcp")
    given = drawn_totals(fit, counts, "laplace")
    at_mode = drawn_totals(fit, counts, "map")
    new = drawn_totals(fit, counts, "population")
    assert given is not None
    assert at_mode is not None
    assert new is not None
    assert fit.capture is not None
    # The Gaussian at the mode against moments that were integrated exactly: it lacks their skew.
    cell = int(np.argmax(counts.totals))
    eta = draw_truncated(given.location[cell], given.scale[cell], 20_000, rng)
    assert eta.mean() == pytest.approx(fit.capture.eta[cell], abs=0.2 * fit.capture.eta_sd[cell])
    assert eta.std() == pytest.approx(fit.capture.eta_sd[cell], rel=0.1)
    # Given its own total, the cell with most counts draws more than at its prior alone.
    assert given.draw(cell, 2000, rng).mean() > new.draw(cell, 2000, rng).mean()
    r, mean = fit.totals.concentration, fit.totals.mean * np.exp(-at_mode.location[cell])
    fixed = at_mode.draw(cell, 50_000, rng)
    assert fixed.mean() == pytest.approx(mean, rel=0.02)
    assert fixed.var() == pytest.approx(mean + mean**2 / r, rel=0.05)


def test_normal_numbers(rng: np.random.Generator) -> None:
    drawn = normals((301, 333), rng)
    assert drawn.shape == (301, 333)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 0.01
    # Numbers that share a radius are in the first and second half.
    halves = np.append(drawn.ravel(), 0).reshape(2, -1)
    assert abs(np.corrcoef(halves)[0, 1]) < 0.015
    assert abs(np.corrcoef(halves**2)[0, 1]) < 0.015
