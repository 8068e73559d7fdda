from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from engine.lda import cell_gaussian, cell_posterior, equations

# Compiled once for all tests, which have cells of one shape.
softmax_basis = jax.jit(equations.softmax_basis)
em_block = jax.jit(equations.em_block)
curvature = jax.jit(cell_posterior.curvature)
newton_step = jax.jit(cell_posterior.newton_step)
find_mode = jax.jit(cell_posterior.find_mode)
dirichlet_bound = jax.jit(cell_posterior.dirichlet_bound)
gaussian_prior = jax.jit(cell_gaussian.gaussian_prior)
posterior_scale = jax.jit(cell_gaussian.posterior_scale)
mean_field_variance = jax.jit(cell_gaussian.mean_field_variance)


@pytest.fixture(autouse=True)
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


class Cells(NamedTuple):
    counts: np.ndarray
    topics: np.ndarray
    proportions: np.ndarray
    alpha: np.ndarray


@pytest.fixture
def cells() -> Cells:
    rng = np.random.default_rng(0)
    alpha = np.array([0.3, 0.7, 1.5])
    topics = rng.dirichlet(np.full(9, 0.5), 3)
    proportions = rng.dirichlet(alpha, 6)
    totals = [0, 1, 7, 40, 300, 5000]
    counts = np.stack([rng.multinomial(n, p @ topics) for n, p in zip(totals, proportions)])  # noqa: B905
    return Cells(counts.astype(float), topics, proportions, alpha)


class TestSoftmaxBasis:
    @pytest.mark.parametrize("concentration", [[1.0, 2.0], [0.1] * 10, [0.2, 3.0, 1.0]])
    def test_it_is_the_mode_and_the_curvature_of_the_dirichlet(
        self, concentration: list[float]
    ) -> None:
        """The density in h is prod softmax(h)^a; its Hessian is inverted on the sum-zero space."""
        a = np.array(concentration)
        basis = softmax_basis(a)
        np.testing.assert_allclose(special.softmax(basis.location), a / a.sum(), rtol=1e-12)
        assert float(np.sum(basis.location)) == pytest.approx(0, abs=1e-12)
        share = a / a.sum()
        hessian = a.sum() * (np.diag(share) - np.outer(share, share))
        np.testing.assert_allclose(basis.variance, np.diag(np.linalg.pinv(hessian)), rtol=1e-9)

    def test_one_topic(self) -> None:
        basis = softmax_basis(np.ones(1))
        assert float(basis.location[0]) == 0
        assert float(basis.variance[0]) == 1


def objective(cells: Cells, proportions: np.ndarray, topics: np.ndarray) -> float:
    value = (cells.counts * np.log(proportions @ topics)).sum()
    return float(value + (np.log(proportions) @ cells.alpha).sum() + 0.2 * np.log(topics).sum())


class TestEMStep:
    def test_dense_reference(self, cells: Cells) -> None:
        weights = np.array([1.0, 1, 1, 1, 1, 0])
        found = em_block(cells.proportions, cells.topics, cells.alpha, cells.counts, weights)
        joint = cells.proportions[:, :, None] * cells.topics
        taken = joint / joint.sum(1, keepdims=True) * cells.counts[:, None, :]
        proportions = taken.sum(2) + cells.alpha
        proportions /= proportions.sum(1, keepdims=True)
        np.testing.assert_allclose(found.proportions[:5], proportions[:5], rtol=1e-10)
        np.testing.assert_allclose(found.expected, taken[:5].sum(0), rtol=1e-10)
        log_likelihood = (cells.counts * np.log(joint.sum(1))).sum(1)
        np.testing.assert_allclose(found.log_likelihood[:5], log_likelihood[:5], rtol=1e-10)
        assert float(found.log_likelihood[5]) == 0

    def test_no_step_lowers_the_objective(self, cells: Cells) -> None:
        proportions, topics = cells.proportions, np.full((3, 9), 1 / 9)
        topics = topics * np.exp(np.random.default_rng(1).normal(0, 0.5, topics.shape))
        topics /= topics.sum(1, keepdims=True)
        before = objective(cells, proportions, topics)
        for _ in range(30):
            found = em_block(proportions, topics, cells.alpha, cells.counts, np.ones(6))
            proportions = np.asarray(found.proportions)
            topics = np.asarray(found.expected) + 0.2
            topics /= topics.sum(1, keepdims=True)
            after = objective(cells, proportions, topics)
            assert after >= before - 1e-9
            before = after


@pytest.fixture(params=["dirichlet", "gaussian"])
def prior(request: pytest.FixtureRequest, cells: Cells) -> cell_posterior.CellPrior:
    if request.param == "gaussian":
        return gaussian_prior(cells.alpha)
    return dirichlet_prior(cells)


def dirichlet_prior(cells: Cells) -> cell_posterior.CellPrior:
    return cell_posterior.dirichlet_prior(jnp.asarray(cells.alpha))


@jax.jit
def derivatives(
    logits: jax.Array, topics: jax.Array, prior: cell_posterior.CellPrior, counts: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Gradient and Hessian of each cell's log joint, automatic ones."""

    def one(h: jax.Array, u: jax.Array) -> jax.Array:
        return cell_posterior.log_joint(h[None], topics, prior, u[None])[0]

    return jax.vmap(jax.grad(one))(logits, counts), jax.vmap(jax.hessian(one))(logits, counts)


class TestPosterior:
    def test_derivatives(self, cells: Cells, prior: cell_posterior.CellPrior) -> None:
        """Automatic ones; along (1, 1, 1) the Dirichlet's Hessian is given a value."""
        logits = np.random.default_rng(2).normal(size=(6, 3))
        at = curvature(logits, cells.topics, prior, cells.counts)
        gradient, hessian = map(np.asarray, derivatives(logits, cells.topics, prior, cells.counts))
        np.testing.assert_allclose(at.gradient, gradient, rtol=1e-8, atol=1e-8)
        observed = np.asarray(at.observed)
        if float(np.sum(prior.precision)) == 0:
            size = cells.counts.sum(1) + cells.alpha.sum()
            share = special.softmax(logits, 1)
            observed = observed - size[:, None, None] * share[:, :, None] * share[:, None, :]
        np.testing.assert_allclose(observed, -hessian, rtol=1e-5, atol=1e-5)

    def test_the_mode_is_one_and_steps_never_lose(
        self, cells: Cells, prior: cell_posterior.CellPrior
    ) -> None:
        logits = np.random.default_rng(3).normal(0, 3, size=(6, 3))
        problem = cells.topics, prior, cells.counts
        _, gain = newton_step(logits, *problem)
        assert (np.asarray(gain) >= 0).all()
        mode = find_mode(logits, *problem, tolerance=1e-12, max_steps=200)
        at = curvature(mode, *problem)
        np.testing.assert_allclose(at.gradient, 0, atol=1e-5)

    def test_the_dirichlet_mode_is_where_em_stays(self, cells: Cells) -> None:
        problem = cells.topics, dirichlet_prior(cells), cells.counts
        mode = find_mode(np.zeros((6, 3)), *problem, tolerance=1e-13, max_steps=200)
        share = special.softmax(np.asarray(mode), 1)
        again = em_block(share, cells.topics, cells.alpha, cells.counts, np.ones(6))
        np.testing.assert_allclose(share, again.proportions, rtol=1e-6)
        # Without counts it is the mean of the prior.
        np.testing.assert_allclose(share[0], cells.alpha / cells.alpha.sum(), rtol=1e-6)

    def test_huge_totals(self, prior: cell_posterior.CellPrior, cells: Cells) -> None:
        with jax.enable_x64(False):
            counts = np.round(1e7 * cells.proportions @ cells.topics).astype(np.float32)
            single = cell_posterior.CellPrior(*(np.asarray(part, np.float32) for part in prior))
            problem = cells.topics.astype(np.float32), single, counts
            begin = np.zeros((6, 3), np.float32)
            mode = find_mode(begin, *problem, tolerance=1e-3, max_steps=200)
            scale = posterior_scale(mode, *problem)
        np.testing.assert_allclose(special.softmax(mode, 1), cells.proportions, atol=1e-3)
        assert np.isfinite(scale).all()

    @pytest.mark.slow
    def test_the_scale_is_near_that_of_the_best_diagonal_gaussian(self, cells: Cells) -> None:
        """The best by a search; what the curvature at the mode has is far from it."""
        alpha = np.full(3, 0.05)
        prior = gaussian_prior(alpha)
        problem = cells.topics, prior, cells.counts
        mode = find_mode(np.zeros((6, 3)), *problem, tolerance=1e-12, max_steps=200)
        noise = np.random.default_rng(0).normal(size=(2000, 3))
        noise = np.concatenate([noise, -noise])

        def bound(logs: np.ndarray) -> np.ndarray:
            return np.asarray(loss(logs)[0][1])

        @jax.jit
        @partial(jax.value_and_grad, has_aux=True)
        def loss(logs: jax.Array) -> tuple[jax.Array, jax.Array]:
            own = cell_gaussian.gaussian_bound(
                mode, jnp.exp(logs.reshape(6, 3)), cells.topics, alpha, cells.counts, noise
            )
            return -own.sum(), own

        found = np.asarray(posterior_scale(mode, *problem))
        best = optimize.minimize(
            lambda logs: float(loss(logs)[0][0]),
            np.log(found).ravel(),
            jac=lambda logs: np.asarray(loss(logs)[1]),
        )
        lost = bound(best.x) - bound(np.log(found).ravel())
        at_mode = np.diagonal(np.asarray(curvature(mode, *problem).observed), axis1=1, axis2=2)
        at_mode = 1 / np.sqrt(np.maximum(at_mode, prior.precision))
        lost_there = bound(best.x) - bound(np.log(at_mode).ravel())
        assert lost.max() < 0.6
        some = cells.counts.sum(1) >= 40
        assert lost[some].sum() < 0.1 * lost_there[some].sum()
        # Without counts the posterior is the prior.
        np.testing.assert_allclose(found[0], 1 / np.sqrt(prior.precision), rtol=1e-4)

    def test_the_mean_field_variance_is_where_its_bound_is_highest(self, cells: Cells) -> None:
        prior = cell_posterior.CellPrior(*map(np.asarray, gaussian_prior(np.full(3, 0.05))))
        logits = np.random.default_rng(5).normal(0, 4, size=(6, 3))
        totals = cells.counts.sum(1, keepdims=True)
        found = np.asarray(mean_field_variance(logits, prior, totals))
        start = 1 / (prior.precision + totals * special.softmax(logits, 1))
        zeta = np.exp(logits + start / 2).sum(1, keepdims=True)
        taken = totals * np.exp(logits + found / 2) / zeta
        np.testing.assert_allclose(1 / found, prior.precision + taken, rtol=1e-6)


class TestDirichletBound:
    def test_it_is_below_the_evidence_and_near_it(self) -> None:
        """Two topics: the evidence is an integral over one proportion."""
        rng = np.random.default_rng(4)
        topics = rng.dirichlet(np.ones(5), 2)
        alpha = np.array([0.6, 1.3])
        cells = np.stack([rng.multinomial(n, [0.3, 0.7] @ topics) for n in (0, 1, 10, 60)])
        bounds = dirichlet_bound(np.zeros((4, 2)), topics, alpha, cells.astype(float))
        for counts, bound in zip(cells, np.asarray(bounds), strict=True):

            def density(t: float, u: np.ndarray = counts) -> float:
                return float(
                    np.prod((t * topics[0] + (1 - t) * topics[1]) ** u) * stats.beta.pdf(t, *alpha)
                )

            evidence = np.log(integrate.quad(density, 0, 1, epsabs=0, epsrel=1e-8)[0])
            assert bound <= evidence + 1e-7
            assert bound == pytest.approx(evidence, abs=1.5)

    def test_one_topic_is_exact(self) -> None:
        topics, counts = np.array([[0.2, 0.3, 0.5]]), np.array([[3.0, 0, 2]])
        bound = dirichlet_bound(np.zeros((1, 1)), topics, np.ones(1), counts)
        assert float(bound[0]) == pytest.approx(3 * np.log(0.2) + 2 * np.log(0.5))
