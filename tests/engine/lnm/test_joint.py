"""The joint density that NUTS draws from, against sums taken by brute force."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln, log_softmax, logsumexp
from scipy.stats import multivariate_normal

from engine.lnm import joint
from engine.lnm.joint import Capture, Covariates, Position, Setting

# Compiled once for all tests, which have cells of one shape.
psi = jax.jit(joint.psi)
log_prior = jax.jit(joint.log_prior)
log_capture = jax.jit(joint.log_capture)
log_effects = jax.jit(joint.log_effects)
log_likelihood = jax.jit(joint.log_likelihood)
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


def with_covariates(of: Setting) -> Setting:
    """Six cells, one fixed covariate and two levels of a group."""
    x = np.column_stack([np.arange(6.0) % 4, np.arange(6) % 3 == 0, np.arange(6) > 2])
    x -= x.mean(0)
    shapes = {"scores": (6, 2), "intensity": 6, "effects": (4, 3), "slope": (2, 1)}
    start = {**of.start, **{name: np.zeros(shape) for name, shape in shapes.items()}}
    rng = np.random.default_rng(0)
    given = Covariates(
        x, x[:, :1].std(0)[None], rng.uniform(0.2, 1, (4, 3)), np.array([20.0, 0.5, 0.5])
    )
    return of._replace(
        counts=np.tile(COUNTS, (2, 1)),
        covariates=given,
        start=start,
        scale={name: np.ones_like(array) for name, array in start.items()},
    )


def test_effects_have_the_prior_of_all_that_is_added_up() -> None:
    """Of a column: normal, with the covariance of W M and of what is left, M integrated."""
    of = with_covariates(setting(capture=False))
    assert of.covariates is not None
    found, expected = [], []
    for seed in (1, 2):
        at = position(of, seed)
        with jax.enable_x64(True):
            found.append(float(log_effects(at["effects"], at["loadings"], of.covariates)))
        logs = 0.0
        for j in range(3):
            spread = of.covariates.of_factors[j] * at["loadings"] @ at["loadings"].T
            spread += np.diag(of.covariates.variance[:, j])
            logs += multivariate_normal(np.zeros(4), spread).logpdf(at["effects"][:, j])
        expected.append(logs)
    assert found[0] - found[1] == pytest.approx(expected[0] - expected[1], abs=1e-9)


def test_covariates_shift_the_mean_of_each_cell() -> None:
    of = with_covariates(setting(capture=False))
    assert of.covariates is not None
    at = position(of, 4)
    moved = at | {"scores": at["scores"] * 0, "effects": at["effects"] + np.array([1.0, -2, 3])}
    with jax.enable_x64(True):
        seen, same = (
            np.asarray(log_likelihood(p, of)) for p in (at | {"scores": at["scores"] * 0}, moved)
        )
        one = of._replace(counts=of.counts[:3], covariates=None)
        effects = at["effects"] - at["effects"].mean(0)
        for cell in range(3):
            centre = at["centre"] + effects @ of.covariates.values[cell]
            alone = moved | {"centre": centre, "intensity": at["intensity"][:3]}
            alone["scores"] = np.zeros((3, 2))
            assert np.asarray(log_likelihood(alone, one))[cell] == pytest.approx(seen[cell])
    # A constant over the genes is the cell's intensity.
    np.testing.assert_allclose(same, seen)


@pytest.mark.parametrize("covariates", [False, True])
def test_the_expansion_leaves_the_posterior_alone(covariates: bool) -> None:
    """Its coordinates have the density of the natural ones and of normal deviations beside them.

    The map from natural coordinates and deviations (zeta's mean, log M_ii and M_ij) to those of the
    expansion, differentiated in full: the density must change by the determinant.
    """
    of = setting(capture=False)
    if covariates:
        of = with_covariates(of)
    at = position(of, 5)
    names = ("scores", "loadings", "centre", *(("effects",) if covariates else ()))
    sizes = [at[name].size for name in names]
    x = of.covariates.values[:, :1] if of.covariates is not None else np.zeros((len(of.counts), 0))
    of_x = x.T @ x / len(x)

    def expanded(flat: jax.Array) -> dict[str, jax.Array]:
        *parts, mean, log_root, below, told = jnp.split(flat, np.cumsum([*sizes, 2, 2, 1]))
        natural = {
            name: part.reshape(at[name].shape) for part, name in zip(parts, names, strict=True)
        }
        scores, loadings, centre = (natural[name] for name in names[:3])
        root = jnp.diag(jnp.exp(log_root)).at[1, 0].set(below[0])
        centred = scores - scores.mean(0)
        centred = centred - x @ np.linalg.solve(of_x, x.T / len(x)) @ centred
        basis = jnp.linalg.cholesky(centred.T @ centred / len(scores)) @ jnp.linalg.inv(root)
        shift = scores.mean(0) - basis @ mean
        found = {}
        if covariates:
            between = x.T @ scores / len(x) - np.sqrt(of_x) @ told.reshape(1, 2) @ basis.T
            found["slope"] = np.linalg.inv(of_x) * between.T
            scores = scores - x @ found["slope"].T
            found["effects"] = natural["effects"].at[:, :1].add(loadings @ found["slope"])
        return {
            "scores": (scores - shift) @ jnp.linalg.inv(basis).T,
            "loadings": loadings @ basis,
            "centre": centre + loadings @ shift,
            "shift": shift,
            "log_diagonal": jnp.log(jnp.diagonal(basis)),
            "below": basis[1:, 0],
            **found,
        }

    def flat_of(flat: jax.Array) -> jax.Array:
        return jnp.concatenate([array.ravel() for array in expanded(flat).values()])

    @jax.jit
    def evaluated(natural: Position, flat: jax.Array) -> tuple[Position, jax.Array, jax.Array]:
        found = {**natural, **expanded(flat)}
        density = joint.log_expansion(found, of)
        return joint.natural(found, of.covariates), jax.jacfwd(flat_of)(flat), density

    def gap(seed: int) -> float:
        rng = np.random.default_rng(seed)
        natural = {**at, **{name: rng.normal(size=at[name].shape) for name in names}}
        play = of.play[[0, 1, 0, 1, 1, *((0, 1) if covariates else ())]]
        deviations = 0.2 * rng.normal(size=len(play))
        flat = np.concatenate([*(natural[name].ravel() for name in names), deviations])
        back, jacobian, density = evaluated(natural, flat)
        for name in names:
            np.testing.assert_allclose(back[name], natural[name], atol=1e-12)
        _, volume = np.linalg.slogdet(np.asarray(jacobian))
        normal = -0.5 * ((deviations / play) ** 2).sum()
        return float(density) - (normal - volume)

    with jax.enable_x64(True):
        assert gap(1) == pytest.approx(gap(2), abs=1e-9)
