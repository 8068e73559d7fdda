"""Adaptive shrinkage, against data of its own model and posteriors worked out otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.checks.uncertainty.delta_method import as_normal, by_closure
from engine.checks.uncertainty.shrinkage import SMALL, Prior, learned, s_value, shrink

COUNT = 20_000


def drawn(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fisher z of pairs, their estimates, and the standard errors of these."""
    rng = np.random.default_rng(seed)
    errors = rng.gamma(9, 0.1 / 9, COUNT)
    true = {
        "none": np.zeros(COUNT),
        "few": np.where(rng.random(COUNT) < 0.02, rng.normal(0, 0.6, COUNT), 0),
        "all": rng.normal(0, 0.3, COUNT),
        "two sizes": rng.normal(0, np.where(rng.random(COUNT) < 0.3, 0.8, 0.05)),
    }[kind]
    return true, rng.normal(true, errors), errors


@pytest.mark.parametrize("kind", ["few", "all", "two sizes"])
def test_as_many_are_false_as_is_told(kind: str) -> None:
    true, z, errors = drawn(kind)
    found = shrink(z, errors, learned(z, errors))
    small = np.sign(z) * true <= np.arctanh(SMALL)
    other = np.sign(z) * true <= 0
    for rates, wrong in ((found.lfsr, other), (found.fsos, small)):
        claimed = rates < 0.05
        assert claimed.mean() > 0.004
        told = rates[claimed].mean()
        error = np.sqrt(told * (1 - told) / claimed.sum())
        assert wrong[claimed].mean() < told + 3 * error
    held = (np.tanh(true) >= found.low - 1e-9) & (np.tanh(true) <= found.high + 1e-9)
    assert held.mean() > 0.88
    assert np.abs(np.arctanh(found.mean) - true).mean() < np.abs(z - true).mean()


def test_nothing_is_claimed_where_there_is_nothing() -> None:
    _, z, errors = drawn("none")
    found = shrink(z, errors, learned(z, errors))
    assert found.lfsr.min() > 0.2
    assert found.fsos.min() > 0.9
    assert np.abs(found.mean).max() < 0.05


def test_posterior_of_a_single_normal() -> None:
    """With one component all is a normal's; the lower end of a few is cut at zero by the other."""
    z, errors = np.array([0.5, -0.5, 0.1]), np.array([0.2, 0.2, 0.4])
    found = shrink(z, errors, Prior(np.ones(1), np.array([0.3]), np.ones(1)))
    kept = 0.09 / (0.09 + errors**2)
    posterior = stats.norm(kept * z, np.sqrt(kept) * errors)
    np.testing.assert_allclose(np.arctanh(found.mean), kept * z)
    np.testing.assert_allclose(np.arctanh(found.low), posterior.ppf(0.05), atol=1e-4)
    np.testing.assert_allclose(np.arctanh(found.high), posterior.ppf(0.95), atol=1e-4)
    np.testing.assert_allclose(
        found.lfsr, stats.norm.cdf(-np.abs(posterior.mean() / posterior.std()))
    )
    least = np.arctanh(SMALL)
    beyond = stats.norm.sf((least - np.abs(posterior.mean())) / posterior.std())
    np.testing.assert_allclose(found.fsos, 1 - beyond)


def test_ends_of_mixtures_with_zeros() -> None:
    """By drawing from the posterior."""
    rng = np.random.default_rng(3)
    prior = Prior(np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.1, 0.6]), np.ones(1))
    for z, error in ((0.25, 0.12), (-0.25, 0.12), (0.02, 0.1), (1.2, 0.3), (0.3, np.inf)):
        found = shrink(np.array([z]), np.array([error]), prior)
        own = np.array([z if np.isfinite(error) else 0.0])
        grid = np.linspace(-3, 3, 60_001)
        density = np.zeros(len(grid))
        for weight, scale in zip(prior.weights[1:], prior.scales[1:], strict=True):
            density += weight * stats.norm.pdf(grid, 0, scale)
        likelihood = stats.norm.pdf(own - grid, 0, error) if np.isfinite(error) else 1.0
        at_zero = prior.weights[0] * (stats.norm.pdf(own[0], 0, error) if np.isfinite(error) else 1)
        mass = density * likelihood * (grid[1] - grid[0])
        points = rng.choice(
            np.append(grid, 0.0), 200_000, p=np.append(mass, at_zero) / (mass.sum() + at_zero)
        )
        ends = np.tanh(np.quantile(points, [0.05, 0.95]))
        np.testing.assert_allclose([found.low[0], found.high[0]], ends, atol=0.012)
        sign = -1 if own[0] < 0 else 1
        assert found.lfsr[0] == pytest.approx((sign * points <= 0).mean(), abs=0.005)
        assert found.fsos[0] == pytest.approx(
            (sign * points <= np.arctanh(SMALL)).mean(), abs=0.005
        )


def test_ends_agree_with_the_rates_and_with_a_table() -> None:
    """Where components are narrow or many, and where so many pairs are asked for that ends are
    interpolated."""
    rng = np.random.default_rng(1)
    count = 110_000
    true = rng.normal(0, np.where(rng.random(count) < 0.3, 0.3, 0.03))
    errors = rng.gamma(9, 0.1 / 9, count)
    z = rng.normal(true, errors)
    prior = learned(z[:20_000], errors[:20_000])
    table, exact = shrink(z, errors, prior), shrink(z[:20_000], errors[:20_000], prior)
    for found in (table, exact):
        # An end is beyond zero where, and only where, the sign is as sure.
        beyond = (found.low > 1e-5) | (found.high < -1e-5)
        sure = np.abs(found.lfsr - 0.05) > 1e-3
        np.testing.assert_array_equal(beyond[sure], (found.lfsr < 0.05)[sure])
        assert ((found.low <= found.mean) & (found.mean <= found.high)).mean() > 0.99
    for name in ("low", "high"):
        apart = np.abs(getattr(table, name)[:20_000] - getattr(exact, name))
        assert apart.max() < 0.005
        assert np.quantile(apart, 0.99) < 0.001


def test_s_values_are_running_means() -> None:
    prior = Prior(np.ones(1), np.ones(1), np.array([0.0, 0.02, 0.1, 0.6]))
    found = s_value(np.array([0.0, 0.05, 0.1, 0.9]), prior)
    np.testing.assert_allclose(found, [0, 0.01, 0.04, 0.18])


def test_errors_that_are_nothing_or_unknown() -> None:
    """A gene that does not vary tells nothing; an estimate without an error is what it is."""
    z, errors = np.array([0.0, 0.4, 2.0]), np.array([np.inf, 0.0, 1e-12])
    assert learned(z, errors).scales.tolist() == [0.0]
    _, others, own = drawn("all")
    found = shrink(z, errors, learned(others, own))
    assert found.mean[0] == 0
    assert found.lfsr[0] >= 0.5
    np.testing.assert_allclose(found.mean[1:], np.tanh(z[1:]), rtol=1e-6)
    assert (found.fsos[1:] < 1e-6).all()


def test_errors_of_few_replicates_weigh_less() -> None:
    """A normal has the tail that Student's t has, and hardly another error of many replicates."""
    value, error = np.array([0.0, -0.05, 0.3, 0.9]), np.array([0.1, 0.1, 0.1, 0.2])
    found = as_normal(value, error, 9.0)
    np.testing.assert_allclose(
        stats.norm.cdf(-np.abs(value) / found), stats.t.cdf(-np.abs(value) / error, 9)
    )
    assert (found > error).all()
    np.testing.assert_allclose(as_normal(value, error, 1e6), error, rtol=1e-4)
    assert as_normal(value, error, np.inf) is error


@pytest.mark.parametrize("features", [3, 5, 8])
def test_correlations_of_closure_are_those_of_genes_that_share_nothing(features: int) -> None:
    own = np.random.default_rng(features).gamma(2.0, 1.0, features)
    centre = np.eye(features) - 1 / features
    covariance = centre @ np.diag(own) @ centre
    scale = np.sqrt(np.diag(covariance))
    found = by_closure(np.diag(covariance))
    np.testing.assert_allclose(found, covariance / np.outer(scale, scale), atol=1e-12)


def test_two_features_are_opposed() -> None:
    np.testing.assert_array_equal(by_closure(np.ones(2)), [[1, -1], [-1, 1]])


def test_what_is_small_may_differ_from_pair_to_pair() -> None:
    """The same estimate is a claim where little is expected, and none where closure makes it."""
    z, error = np.full(2, -0.3), np.full(2, 0.02)
    prior = Prior(np.array([0.5, 0.5]), np.array([0.0, 0.3]), np.ones(1))
    sure, doubtful = shrink(z, error, prior, np.array([0.1, np.tanh(0.3)])).fsos
    assert sure < 1e-6
    assert doubtful == pytest.approx(0.5, abs=0.05)
    assert sure == shrink(z, error, prior).fsos[0]
