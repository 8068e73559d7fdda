from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import engine
from engine.data import simulate
from engine.lnm.prior import Prior
from tests.engine.lnm.conftest import Simulated

pytestmark = pytest.mark.fit


def test_density_is_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    loadings, log_noise = rng.normal(size=(7, 3)), rng.normal(size=6)
    half = rng.normal(size=(3, 3))
    prior = Prior(half @ half.T, -2.0, 0.4, True, True, True)
    of_loadings = multivariate_normal.logpdf(loadings, np.zeros(3), half @ half.T).sum()
    expected = of_loadings + norm.logpdf(log_noise, -2, 0.4).sum()
    assert prior.log_density(loadings, log_noise) == pytest.approx(expected)


def test_what_the_user_sets_is_not_learned() -> None:
    config = engine.LNMConfig(n_factors=2, loadings_scale=0.3, noise_location=-3.0, noise_scale=0.2)
    prior = Prior.start(config)
    rng = np.random.default_rng(0)
    covariances = np.broadcast_to(np.eye(2), (9, 2, 2))
    learned = prior.learn(rng.normal(size=(9, 2)), covariances, rng.normal(size=9), np.ones(9))
    kept = learned.change_basis(rng.normal(size=(2, 2))).to_dict(np.eye(2))
    assert kept == prior.to_dict(np.eye(2))
    np.testing.assert_allclose(kept["loadings_covariance"], 0.09 * np.eye(2))
    assert (kept["noise_location"], kept["noise_scale"]) == (-3.0, 0.2)


def test_learning_is_a_step_of_em() -> None:
    prior = Prior.start(engine.LNMConfig(n_factors=1))
    loadings, log_noise = np.array([[1.0], [-3.0]]), np.array([-1.0, -3.0])
    found = prior.learn(loadings, np.full((2, 1, 1), 4.0), log_noise, np.full(2, 0.5))
    assert found.loadings_covariance == pytest.approx(9.0)
    assert found.noise_location == pytest.approx(-2.0)
    assert found.noise_scale == pytest.approx(np.sqrt(1.5))


def test_without_noise_only_the_loadings_learn() -> None:
    prior = Prior.start(engine.LNMConfig(n_factors=2, d_mode="low_rank"))
    covariances = np.broadcast_to(np.eye(2), (4, 2, 2))
    found = prior.learn(np.ones((4, 2)), covariances, np.empty(0), np.empty(0))
    np.testing.assert_allclose(found.loadings_covariance, [[2, 1], [1, 2]])
    assert (found.noise_location, found.noise_scale) == (prior.noise_location, prior.noise_scale)
    assert np.isfinite(found.log_density(np.ones((4, 2)), np.empty(0)))


def test_a_resumed_fit_keeps_its_values() -> None:
    prior = Prior.start(engine.LNMConfig(n_factors=1))
    values = {"loadings_covariance": [[0.25]], "noise_location": -1.5, "noise_scale": 0.6}
    assert prior.resume(values).to_dict(np.eye(1)) == values


def test_the_density_does_not_depend_on_the_basis() -> None:
    rng = np.random.default_rng(1)
    loadings, half = rng.normal(size=(7, 3)), rng.normal(size=(3, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    prior = Prior(half @ half.T, 0.0, 1.0, True, True, True)
    turned = prior.change_basis(turn)
    none = np.empty(0)
    assert turned.log_density(loadings @ turn, none) == pytest.approx(
        prior.log_density(loadings, none)
    )
    np.testing.assert_allclose(
        prior.to_dict(turn)["loadings_covariance"], turned.loadings_covariance
    )
    np.testing.assert_allclose(
        prior.loadings_precision @ prior.loadings_covariance, np.eye(3), atol=1e-9
    )


def test_a_fit_finds_the_scales_of_its_data(simulated: Simulated) -> None:
    """Empirical Bayes: the simulation's loadings 0.4, and log d ~ N(log 0.1, 0.5^2)."""
    found = simulated.fit.prior
    scales = np.sqrt(np.linalg.eigvalsh(found["loadings_covariance"]))
    np.testing.assert_allclose(scales, 0.4, rtol=0.3)
    assert found["noise_location"] == pytest.approx(np.log(0.1), abs=0.2)
    assert found["noise_scale"] == pytest.approx(0.5, rel=0.3)


def test_rare_genes_take_the_learned_location() -> None:
    """What d of a gene with a handful of counts is, the other genes know."""
    adata = simulate("lnm", cells=600, genes=40, factors=2, seed=2, noise=0.4, noise_spread=0.1)
    counts = engine.read_counts(adata, genes="all")
    fit = engine.fit(counts, engine.LNMConfig(n_factors=2, block_cells=100))
    totals = np.asarray(adata[:, fit.genes].X.sum(0)).ravel()
    rare = (totals < np.quantile(totals, 0.2)) & (fit.noise > 0)
    assert np.median(fit.noise[rare]) == pytest.approx(0.4, rel=0.25)


def test_a_tight_prior_is_obeyed(simulated: Simulated) -> None:
    config = engine.LNMConfig(
        n_factors=3, loadings_scale=1e-3, noise_location=-1.0, noise_scale=1e-3
    )
    fit = engine.fit(simulated.counts, config)
    assert np.abs(fit.loadings).max() < 0.05
    np.testing.assert_allclose(np.log(fit.noise[fit.noise > 0]), -1.0, atol=0.05)
