from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import TraceMeanField_ELBO
from scipy import special, stats

from engine.models import encoding, lnm, lnm_given_scores, lnm_prediction, lnm_vae
from engine.models.encoding import Gaussian
from engine.models.poisson_lognormal import LOG_NO_NOISE, NARROW
from tests.engine.problems import Problem, evaluate, problem

ON = encoding.Phase(jnp.float32(1), jnp.float32(1))
HIDDEN = 6


@pytest.fixture(scope="module")
def cells() -> Problem:
    return problem([3, 30, 300, 3000], genes=8, factors=2, noise=(0.05, 0.5))


def multinomial_given(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    shares = x - special.logsumexp(x, axis=-1, keepdims=True)
    constant = special.gammaln(counts.sum() + 1) - special.gammaln(counts + 1).sum()
    return (counts * shares).sum(-1) + constant


class TestGivenScores:
    def test_against_importance_sampling_of_the_residuals(self, cells: Problem) -> None:
        """Residuals drawn from their prior, for cells whose counts say little."""
        rng = np.random.default_rng(0)
        counts = cells.counts[:2]
        x = cells.mean + rng.normal(size=(2, 2)) @ cells.loadings.T
        with jax.enable_x64(True):
            found = lnm_given_scores.log_likelihood(x, cells.params.log_noise, counts)
        found = np.asarray(found) + lnm.constants(counts)
        residuals = rng.normal(size=(400_000, 8)) * np.sqrt(cells.noise)
        for cell in range(2):
            drawn = multinomial_given(x[cell] + residuals, counts[cell])
            sampled = special.logsumexp(drawn) - np.log(len(drawn))
            assert found[cell] == pytest.approx(sampled, abs=0.02)

    def test_without_residuals_it_is_a_multinomial_s(self, cells: Problem) -> None:
        x = np.tile(cells.mean, (4, 1))
        with jax.enable_x64(True):
            none = np.full(8, LOG_NO_NOISE)
            general = np.asarray(lnm_given_scores.log_likelihood(x, none, cells.counts))
            closed = lnm_given_scores.log_likelihood_low_rank(jnp.asarray(x), cells.counts)
            closed = np.asarray(closed)
        exact = [multinomial_given(cells.mean, counts) for counts in cells.counts]
        constants = lnm.constants(cells.counts)
        np.testing.assert_allclose(closed + constants, exact, atol=1e-8)
        np.testing.assert_allclose(general + constants, exact, atol=1e-6)

    def test_gradients_against_finite_differences(self, cells: Problem) -> None:
        rng = np.random.default_rng(1)
        x = cells.mean + 0.3 * rng.normal(size=(4, 8))
        log_noise = np.asarray(cells.params.log_noise)

        with jax.enable_x64(True):

            @jax.jit
            def total(x: jax.Array, log_noise: jax.Array) -> jax.Array:
                return lnm_given_scores.log_likelihood(x, log_noise, cells.counts).sum()

            in_x, in_log_noise = map(np.asarray, jax.grad(total, (0, 1))(x, log_noise))
            step = 1e-4
            for gene in range(8):
                move = np.eye(8)[gene] * step
                slope = float(total(x, log_noise + move) - total(x, log_noise - move)) / (2 * step)
                if gene < 7:
                    assert in_log_noise[gene] == pytest.approx(slope, abs=1e-3)
                shift = np.zeros((4, 8))
                shift[2, gene] = step
                slope = float(total(x + shift, log_noise) - total(x - shift, log_noise))
                assert in_x[2, gene] == pytest.approx(slope / (2 * step), abs=1e-3)

    def test_a_shift_of_all_logits_changes_nothing(self, cells: Problem) -> None:
        x, log_noise = np.tile(cells.mean, (4, 1)), np.asarray(cells.params.log_noise)
        with jax.enable_x64(True):
            one = np.asarray(lnm_given_scores.log_likelihood(x, log_noise, cells.counts))
            other = np.asarray(lnm_given_scores.log_likelihood(x + 5, log_noise, cells.counts))
        np.testing.assert_allclose(one, other, atol=1e-6)


class TestBound:
    @pytest.mark.parametrize("noise", [(0.0, 0.0), (0.05, 0.5)])
    def test_below_the_log_marginal_and_close_for_a_good_posterior(
        self, noise: tuple[float, float]
    ) -> None:
        found = problem([5, 50, 500], noise=noise)
        params = lnm.Params(*(jnp.asarray(array, jnp.float32) for array in found.params))
        counts = jnp.asarray(found.counts, jnp.float32)
        sums, at_mode = evaluate(found.params, found.counts)
        good = Gaussian(jnp.asarray(at_mode.latents.scores), jnp.asarray(at_mode.scores_sd))
        draws = jax.random.normal(jax.random.key(0), (2000, 2))
        sampled = self.importance_sampled(params, counts, good, draws)
        constants = lnm.constants(found.counts)
        # The Laplace approximation and importance sampling agree on what is to be bounded.
        np.testing.assert_allclose(sampled + constants, at_mode.log_marginal, atol=0.05)
        rng = np.random.default_rng(2)
        for away in (0.0, 0.5, 1.5):
            location = good.location + away * good.scale * rng.choice([-1, 1], (3, 2))
            q = Gaussian(location, good.scale * np.exp(0.3 * away))
            bound = np.asarray(lnm_given_scores.bound(params, counts, q, draws))
            assert (bound <= sampled + 0.03).all()
            if away == 0:
                assert (bound >= sampled - 0.4).all()
        assert float(sums.weight) == 3

    @staticmethod
    def importance_sampled(
        params: lnm.Params, counts: jax.Array, q: Gaussian, draws: jax.Array
    ) -> np.ndarray:
        """log p(u) less its constants, z drawn from q made wider."""
        wide = 1.5 * q.scale
        weights = []
        for draw in draws:
            z = q.location + wide * draw
            x = z @ params.loadings.T + params.mean
            value = np.asarray(given(x, params.log_noise, counts), float)
            prior = stats.norm.logpdf(z).sum(1)
            weights.append(value + prior - stats.norm.logpdf(draw).sum() + np.log(wide).sum(1))
        return np.asarray(special.logsumexp(weights, axis=0) - np.log(len(weights)))

    def test_numpyro_s_bound_is_that_of_cells_and_decoder(self, cells: Problem) -> None:
        counts = jnp.asarray(cells.counts, jnp.float32)
        start, setting = started(cells, log_scale=-9.0)
        value = elbo(counts, start, setting, particles=800)
        posterior, _ = lnm_vae.encode(start, counts, setting.inputs, jnp.zeros((4, 1)))
        params = lnm.Params(*(jnp.asarray(array, jnp.float32) for array in cells.params))
        draws = jax.random.normal(jax.random.key(3), (2000, 2))
        of_cells = float(lnm_given_scores.bound(params, counts, posterior, draws).sum())
        width, of_loadings = np.exp(-9.0), np.asarray(start["loadings"])
        lost = (0.5 * (width**2 + of_loadings**2 - 1) + 9).sum()
        away = np.asarray(cells.params.log_noise)[:-1] + 2
        lost += (0.5 * (width**2 + away**2 - 1) + 9).sum()
        assert value == pytest.approx(of_cells - lost, abs=0.02 * abs(of_cells))

    def test_cells_that_only_fill_a_minibatch_count_for_nothing(self, cells: Problem) -> None:
        counts = jnp.asarray(cells.counts, jnp.float32)
        start, setting = started(cells)
        meant = np.arange(4) < 2
        one = elbo(counts, start, setting, meant=meant)
        other = elbo(counts.at[2:].set(counts[:2]), start, setting, meant=meant)
        assert one == pytest.approx(other, rel=1e-5)

    @pytest.mark.parametrize("capture", [False, True])
    @pytest.mark.parametrize("residuals", [False, True])
    def test_gradients_are_finite_whatever_the_cells(self, residuals: bool, capture: bool) -> None:
        found = problem([5, 50], genes=8)
        start, setting = started(found, capture=capture)
        counts = np.zeros((5, 8), np.float32)
        counts[0, 0], counts[1, 3], counts[2] = 1, 50_000_000, 3
        counts[3], counts[4, -1] = 2_000_000, 7

        def loss(start: dict[str, Any]) -> jax.Array:
            return jnp.asarray(elbo_of(jnp.asarray(counts), start, setting, residuals, capture))

        value, slopes = jax.value_and_grad(loss)(start)
        assert np.isfinite(value)
        for name, slope in slopes.items():
            assert np.isfinite(np.asarray(slope)).all(), name
        used = [name for name in slopes if residuals or not name.startswith("log_noise")]
        moved = [name for name in used if np.abs(np.asarray(slopes[name])).max() > 0]
        assert {"centre", "loadings", "location", "scale"} <= set(moved)

    def test_the_decoder_waits_when_told_to(self, cells: Problem) -> None:
        start, setting = started(cells)
        counts = jnp.asarray(cells.counts, jnp.float32)
        waiting = encoding.Phase(jnp.float32(1), jnp.float32(0))

        def loss(start: dict[str, Any]) -> jax.Array:
            return jnp.asarray(elbo_of(counts, start, setting, True, False, phase=waiting))

        slopes = jax.grad(loss)(start)
        for name in lnm_vae.DECODER:
            np.testing.assert_array_equal(slopes[name], 0)
        assert np.abs(slopes["location"]).max() > 0


def test_a_change_of_basis_changes_nothing_but_the_scores(cells: Problem) -> None:
    start, setting = started(cells)
    counts = jnp.asarray(cells.counts, jnp.float32)
    mean, sd = jnp.array([0.3, -1.0]), jnp.array([0.5, 2.0])
    moved = lnm_vae.change_basis(start, mean, sd)
    zero = jnp.zeros((4, 1))
    one, _ = lnm_vae.encode(start, counts, setting.inputs, zero)
    other, _ = lnm_vae.encode(moved, counts, setting.inputs, zero)
    np.testing.assert_allclose(other.location * sd + mean, one.location, atol=1e-5)
    np.testing.assert_allclose(other.scale * sd, one.scale, rtol=1e-5)
    logits = start["centre"] + one.location @ start["loadings"].T
    np.testing.assert_allclose(
        moved["centre"] + other.location @ moved["loadings"].T, logits, atol=1e-5
    )


def test_expected_proportions_are_those_of_the_laplace_posterior(cells: Problem) -> None:
    """With q at each cell's own posterior, lambda at its mode or drawn makes little difference."""
    params = lnm.Params(*(jnp.asarray(array, jnp.float32) for array in cells.params))
    counts = jnp.asarray(cells.counts, jnp.float32)
    _, at_mode = evaluate(cells.params, cells.counts)
    latents = lnm.Latents(*(jnp.asarray(array, jnp.float32) for array in at_mode.latents))
    q = Gaussian(latents.scores, jnp.asarray(at_mode.scores_sd, jnp.float32))
    half = jax.random.normal(jax.random.key(0), (200, 3))
    noise = jnp.concatenate([half, -half])
    found = lnm_given_scores.expected_proportions(params, counts, q, noise[:, :2])
    other = lnm_prediction.expected_proportions(params, counts, latents, NARROW, noise)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(found, other, atol=0.02)


given = jax.jit(lnm_given_scores.log_likelihood)


def started(
    cells: Problem, log_scale: float = -3.0, capture: bool = False
) -> tuple[dict[str, Any], lnm_vae.Setting]:
    inputs = encoding.input_scale(cells.counts)
    width, genes = cells.loadings.shape[1], len(cells.mean)
    encoder = encoding.init_encoder(jax.random.key(1), genes, HIDDEN, jnp.zeros(width))
    encoder = lnm_vae.init_heads(encoder, (4.0, 0.5) if capture else None)
    log_noise = np.maximum(cells.params.log_noise, -3)
    start = {
        "centre": cells.mean + 0.5 * cells.noise,
        "loadings": cells.loadings,
        "log_noise": log_noise,
        "loadings_log_scale": np.full(cells.loadings.shape, log_scale),
        "log_noise_log_scale": np.full(genes, log_scale),
        **encoder,
    }
    has_noise = np.arange(genes) < genes - 1
    setting = lnm_vae.Setting(
        loadings_scale=jnp.ones(width),
        noise=Gaussian(jnp.float32(-2), jnp.float32(1)),
        has_noise=jnp.asarray(has_noise),
        inputs=inputs,
        totals=lnm_vae.Totals(jnp.float32(2e5), jnp.float32(5), jnp.float32(0.5)),
        n_batches=jnp.float32(1),
        unit=jnp.float32(1),
    )
    return {name: jnp.asarray(value, jnp.float32) for name, value in start.items()}, setting


def elbo_of(
    counts: jax.Array,
    start: dict[str, Any],
    setting: lnm_vae.Setting,
    residuals: bool,
    capture: bool,
    *,
    phase: encoding.Phase = ON,
    meant: np.ndarray | None = None,
    particles: int = 1,
) -> Any:
    cells: Any = (counts, jnp.full((len(counts), 1), 4.0)) if capture else counts
    keywords = {"residuals": residuals, "capture": capture, "start": start}
    guide = partial(lnm_vae.guide, dropout=0.0)
    estimator = TraceMeanField_ELBO(num_particles=particles, vectorize_particles=False)
    meant = jnp.asarray(np.ones(len(counts), bool) if meant is None else meant)
    return -estimator.loss(
        jax.random.key(2), {}, lnm_vae.model, guide, cells, meant, setting, phase, **keywords
    )


def elbo(
    counts: jax.Array,
    start: dict[str, Any],
    setting: lnm_vae.Setting,
    *,
    meant: np.ndarray | None = None,
    particles: int = 1,
) -> float:
    run = partial(elbo_of, residuals=True, capture=False, meant=meant, particles=particles)
    return float(jax.jit(run)(counts, start, setting))
