"""The joint density that NUTS draws from, against sums taken by brute force."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln, log_softmax, logsumexp

from engine.lnm import joint
from engine.lnm.joint import Capture, Position, Setting

# Compiled once for all tests, which have cells of one shape.
psi = jax.jit(joint.psi)
log_prior = jax.jit(joint.log_prior)
log_capture = jax.jit(joint.log_capture)
density_and_slopes = jax.jit(jax.value_and_grad(joint.log_density))

# The same for the three cells below, for what holds at any intensity or sums over it.
INTENSITIES = np.stack([np.linspace(-6, 6, 1201)] * 3, 1)


@jax.jit
@partial(jax.vmap, in_axes=(None, 0, None))
def on_grid(at: Position, intensity: jax.Array, of: Setting) -> jax.Array:
    return joint.log_likelihood({**at, "intensity": intensity}, of)


COUNTS = np.array([[4.0, 0.0, 11.0, 3.0], [1.0, 7.0, 2.0, 20.0], [5.0, 2.0, 9.0, 4.0]])


@pytest.mark.parametrize(("noise", "error"), [(0.1, 1e-8), (0.3, 1e-7), (1.0, 1e-5), (3.0, 1e-3)])
def test_residuals_are_integrated(noise: float, error: float) -> None:
    x, counts = np.meshgrid([-6.0, -2.0, 0.0, 2.0, 5.0], [0.0, 1.0, 4.0, 60.0])
    residual = np.linspace(-15, 15, 10_001)
    logs = counts[..., None] * (x[..., None] + residual) - np.exp(x[..., None] + residual)
    logs += -0.5 * residual**2 / noise - 0.5 * np.log(2 * np.pi * noise)
    exact = logsumexp(logs, axis=-1) + np.log(residual[1] - residual[0])
    with jax.enable_x64(True):
        found = np.asarray(psi(x, np.full(x.shape[1], np.log(noise)), counts))
    assert np.abs(found - exact).max() < error


def setting(capture: bool = True, has_noise: bool = True) -> Setting:
    """Three cells of four genes and two factors; coordinates are counted from no start."""
    shapes = {"centre": 4, "loadings": (4, 2), "log_noise": 4, "scores": (3, 2), "intensity": 3}
    shapes |= {"shift": 2, "log_diagonal": 2, "below": 1}
    if capture:
        shapes["log_eta"] = 3
    prior = Capture(np.array([3.0, 3.5, 2.8]), np.float64(0.5), np.float64(2e4), np.float64(8.0))
    return Setting(
        counts=COUNTS,
        has_noise=np.array([has_noise] * 3 + [False]),
        loadings_precision=np.array([[2.0, 0.3], [0.3, 5.0]]),
        noise_location=np.float64(-2.0),
        noise_scale=np.float64(0.5),
        most_noise=np.float64(10.0),
        start={name: np.zeros(shape) for name, shape in shapes.items()},
        scale={name: np.ones(shape) for name, shape in shapes.items()},
        play=np.array([0.3, 0.2]),
        capture=prior if capture else None,
    )


def position(of: Setting, seed: int = 0) -> Position:
    rng = np.random.default_rng(seed)
    return {name: 0.4 * rng.normal(size=array.shape) for name, array in of.start.items()}


def test_without_residuals_it_is_the_multinomial() -> None:
    """The intensity summed out on a grid: constants aside, the multinomial's log-likelihood."""
    of = setting(has_noise=False)
    gap = []
    for seed in (1, 2):
        at = position(of, seed)
        with jax.enable_x64(True):
            found = logsumexp(np.asarray(on_grid(at, INTENSITIES, of)), axis=0)
        loadings = at["loadings"] - at["loadings"].mean(0)
        logits = at["centre"] + at["scores"] @ loadings.T
        gap.append(found - (COUNTS * log_softmax(logits, axis=1)).sum(1))
    np.testing.assert_allclose(gap[0], gap[1], atol=1e-6)


def test_slopes_are_those_of_the_density() -> None:
    of = setting()
    at = position(of)
    rng = np.random.default_rng(3)
    along = {name: rng.normal(size=array.shape) for name, array in at.items()}
    # Where d is about 0.2, so that the quadrature is exact to more digits than the differences.
    of.start["log_noise"][:] = -1.5

    def moved(length: float) -> Position:
        return {name: at[name] + length * along[name] for name in at}

    with jax.enable_x64(True):
        _, slopes = density_and_slopes(at, of)
        ends = [float(density_and_slopes(moved(length), of)[0]) for length in (1e-5, -1e-5)]
    slope = sum(float((np.asarray(slopes[name]) * along[name]).sum()) for name in at)
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-7)


def test_priors_and_totals() -> None:
    """Differences of the density against the densities written out."""
    of = setting()
    one, other = position(of, 1), position(of, 2)

    def prior(at: Position) -> float:
        # d / d free of log 10 - softplus(log 10 - free)
        top, free = np.log(10.0), at["log_noise"]
        log_noise = top - np.logaddexp(0, top - free)
        value = -0.5 * np.einsum("gi,ij,gj", at["loadings"], of.loadings_precision, at["loadings"])
        value += (-0.5 * ((log_noise + 2) / 0.5) ** 2 - np.log1p(np.exp(free - top))).sum()
        return float(value - 0.5 * (at["scores"] ** 2).sum() - 0.5 * at["centre"].sum() ** 2 / 4)

    def totals(at: Position) -> np.ndarray:
        eta, r = np.exp(at["log_eta"]), 8.0
        mean, n = 2e4 * np.exp(-eta), COUNTS.sum(1)
        drawn = gammaln(n + r) + n * np.log(mean / (mean + r)) + r * np.log(r / (mean + r))
        return drawn - 0.5 * ((eta - of.capture.location) / 0.5) ** 2 + np.log(eta)

    with jax.enable_x64(True):
        found = [float(log_prior(at, of)) for at in (one, other)]
        of_totals = [
            np.asarray(log_capture(at["log_eta"], COUNTS, of.capture)) for at in (one, other)
        ]
    assert found[0] - found[1] == pytest.approx(prior(one) - prior(other), abs=1e-9)
    np.testing.assert_allclose(of_totals[0] - of_totals[1], totals(one) - totals(other), atol=1e-9)


def test_what_centring_takes_away_meets_nothing_else() -> None:
    of = setting()
    at = position(of)
    moved = {**at, "centre": at["centre"] + 0.7, "loadings": at["loadings"] + 0.3}
    with jax.enable_x64(True):
        before, after = (np.asarray(on_grid(p, INTENSITIES, of)) for p in (at, moved))
    np.testing.assert_allclose(before, after, atol=1e-10)


def test_the_expansion_leaves_the_posterior_alone() -> None:
    """Its coordinates have the density of the natural ones and of normal deviations beside them.

    The map from natural coordinates and deviations (zeta's mean, log M_ii and M_ij) to those of the
    expansion, differentiated in full: the density must change by the determinant.
    """
    of = setting(capture=False)
    at = position(of, 5)
    names = ("scores", "loadings", "centre")
    sizes = [at[name].size for name in names]

    def expanded(flat: jax.Array) -> dict[str, jax.Array]:
        *parts, mean, log_root, below = jnp.split(flat, np.cumsum([*sizes, 2, 2]))
        scores, loadings, centre = (
            part.reshape(at[name].shape) for part, name in zip(parts, names, strict=True)
        )
        root = jnp.diag(jnp.exp(log_root)).at[1, 0].set(below[0])
        centred = scores - scores.mean(0)
        basis = jnp.linalg.cholesky(centred.T @ centred / len(scores)) @ jnp.linalg.inv(root)
        shift = scores.mean(0) - basis @ mean
        return {
            "scores": (scores - shift) @ jnp.linalg.inv(basis).T,
            "loadings": loadings @ basis,
            "centre": centre + loadings @ shift,
            "shift": shift,
            "log_diagonal": jnp.log(jnp.diagonal(basis)),
            "below": basis[1:, 0],
        }

    def flat_of(flat: jax.Array) -> jax.Array:
        return jnp.concatenate([array.ravel() for array in expanded(flat).values()])

    @jax.jit
    def evaluated(natural: Position, flat: jax.Array) -> tuple[Position, jax.Array, jax.Array]:
        found = {**natural, **expanded(flat)}
        density = joint.log_expansion(found, of)
        return joint.natural(found), jax.jacfwd(flat_of)(flat), density

    def gap(seed: int) -> float:
        rng = np.random.default_rng(seed)
        natural = {**at, **{name: rng.normal(size=at[name].shape) for name in names}}
        deviations = 0.2 * rng.normal(size=5)
        flat = np.concatenate([*(natural[name].ravel() for name in names), deviations])
        back, jacobian, density = evaluated(natural, flat)
        for name in names:
            np.testing.assert_allclose(back[name], natural[name], atol=1e-12)
        _, volume = np.linalg.slogdet(np.asarray(jacobian))
        normal = -0.5 * ((deviations / of.play[[0, 1, 0, 1, 1]]) ** 2).sum()
        return float(density) - (normal - volume)

    with jax.enable_x64(True):
        assert gap(1) == pytest.approx(gap(2), abs=1e-9)
