from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import TraceMeanField_ELBO
from scipy import special, stats

from engine.fitting import encoding
from engine.fitting.encoding import Gaussian
from engine.lnm import encoder as vae
from engine.lnm import equations, given_scores, prediction
from engine.lnm.amortized import change_basis
from engine.lnm.residual import LOG_NO_NOISE, NARROW
from tests.engine.problems import Problem, evaluate, problem

ON = encoding.Phase(np.float32(1), np.float32(1))
HIDDEN = 6

# Compiled once for all tests.
given = jax.jit(given_scores.log_likelihood)
low_rank = jax.jit(given_scores.log_likelihood_low_rank)
bound = jax.jit(given_scores.bound)
encode = jax.jit(vae.encode)


@pytest.fixture(scope="module")
def cells() -> Problem:
    return problem([3, 30, 300, 3000, 30], genes=8, factors=2, noise=(0.05, 0.5))


def single(cells: Problem) -> tuple[equations.Params, np.ndarray]:
    """Parameters and counts in float32."""
    params = equations.Params(*(np.asarray(array, np.float32) for array in cells.params))
    return params, cells.counts.astype(np.float32)


def gaussian(location: np.ndarray, scale: np.ndarray) -> Gaussian:
    return Gaussian(np.asarray(location, np.float32), np.asarray(scale, np.float32))


def multinomial_given(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    shares = x - special.logsumexp(x, axis=-1, keepdims=True)
    constant = special.gammaln(counts.sum() + 1) - special.gammaln(counts + 1).sum()
    return (counts * shares).sum(-1) + constant


class TestGivenScores:
    def test_against_importance_sampling_of_the_residuals(self, cells: Problem) -> None:
        """Residuals drawn from their prior, for cells whose counts say little."""
        rng = np.random.default_rng(0)
        x = cells.mean + rng.normal(size=(5, 2)) @ cells.loadings.T
        with jax.enable_x64(True):
            found = np.asarray(given(x, cells.params.log_noise, cells.counts))
        found = found + equations.constants(cells.counts)
        residuals = rng.normal(size=(400_000, 8)) * np.sqrt(cells.noise)
        for cell in range(2):
            drawn = multinomial_given(x[cell] + residuals, cells.counts[cell])
            sampled = special.logsumexp(drawn) - np.log(len(drawn))
            assert found[cell] == pytest.approx(sampled, abs=0.02)

    def test_without_residuals_it_is_a_multinomial_s(self, cells: Problem) -> None:
        x = np.tile(cells.mean, (5, 1))
        with jax.enable_x64(True):
            none = np.full(8, LOG_NO_NOISE)
            general = np.asarray(given(x, none, cells.counts))
            closed = np.asarray(low_rank(x, cells.counts))
        exact = [multinomial_given(cells.mean, counts) for counts in cells.counts]
        constants = equations.constants(cells.counts)
        np.testing.assert_allclose(closed + constants, exact, atol=1e-8)
        np.testing.assert_allclose(general + constants, exact, atol=1e-6)

    def test_gradients_against_finite_differences(self, cells: Problem) -> None:
        rng = np.random.default_rng(1)
        x = cells.mean + 0.3 * rng.normal(size=(5, 8))
        log_noise = np.asarray(cells.params.log_noise)

        def difference(one: jax.Array, other: jax.Array) -> float:
            return float(np.sum(one) - np.sum(other))

        def total(x: jax.Array, log_noise: jax.Array) -> jax.Array:
            return given_scores.log_likelihood(x, log_noise, cells.counts).sum()

        with jax.enable_x64(True):
            in_x, in_log_noise = map(np.asarray, jax.jit(jax.grad(total, (0, 1)))(x, log_noise))
            step = 1e-4
            for gene in range(8):
                move = np.eye(8)[gene] * step
                ends = (given(x, log_noise + sign * move, cells.counts) for sign in (1, -1))
                slope = difference(*ends) / (2 * step)
                if gene < 7:
                    assert in_log_noise[gene] == pytest.approx(slope, abs=1e-3)
                shift = np.zeros((5, 8))
                shift[2, gene] = step
                ends = (given(x + sign * shift, log_noise, cells.counts) for sign in (1, -1))
                slope = difference(*ends) / (2 * step)
                assert in_x[2, gene] == pytest.approx(slope, abs=1e-3)

    def test_a_shift_of_all_logits_changes_nothing(self, cells: Problem) -> None:
        x, log_noise = np.tile(cells.mean, (5, 1)), np.asarray(cells.params.log_noise)
        with jax.enable_x64(True):
            one = np.asarray(given(x, log_noise, cells.counts))
            other = np.asarray(given(x + 5, log_noise, cells.counts))
        np.testing.assert_allclose(one, other, atol=1e-6)


class TestBound:
    @pytest.mark.parametrize("noise", [(0.0, 0.0), (0.05, 0.5)])
    def test_below_the_log_marginal_and_close_for_a_good_posterior(
        self, noise: tuple[float, float]
    ) -> None:
        found = problem([5, 50, 500, 50, 5], noise=noise)
        params, counts = single(found)
        sums, at_mode = evaluate(found.params, found.counts)
        good = gaussian(at_mode.latents.scores, at_mode.scores_sd)
        half = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
        draws = np.concatenate([half, -half])
        sampled = self.importance_sampled(params, counts, good, draws)
        constants = equations.constants(found.counts)
        # The Laplace approximation and importance sampling agree on what is to be bounded.
        np.testing.assert_allclose(sampled + constants, at_mode.log_marginal, atol=0.05)
        rng = np.random.default_rng(2)
        for away in (0.0, 0.5, 1.5):
            location = good.location + away * good.scale * rng.choice([-1, 1], (5, 2))
            q = gaussian(location, good.scale * np.exp(0.3 * away))
            value = np.asarray(bound(params, counts, q, draws))
            assert (value <= sampled + 0.03).all()
            if away == 0:
                assert (value >= sampled - 0.4).all()
        assert float(sums.weight) == 5

    @staticmethod
    def importance_sampled(
        params: equations.Params, counts: np.ndarray, q: Gaussian, draws: np.ndarray
    ) -> np.ndarray:
        """log p(u) less its constants, z drawn from q made wider."""
        wide = 1.5 * q.scale
        z = q.location + wide * draws[:, None]
        x = (z @ params.loadings.T + params.mean).reshape(-1, counts.shape[1])
        value = np.asarray(given(x, params.log_noise, np.tile(counts, (len(draws), 1))), float)
        weights = value.reshape(len(draws), -1) + stats.norm.logpdf(z).sum(2)
        weights += np.log(wide).sum(1) - stats.norm.logpdf(draws).sum(1)[:, None]
        return np.asarray(special.logsumexp(weights, axis=0) - np.log(len(weights)))

    def test_numpyro_s_bound_is_that_of_cells_and_decoder(self, cells: Problem) -> None:
        params, counts = single(cells)
        start, setting = started(cells, log_scale=-9.0)
        value = np.mean([elbo(counts, start, setting, seed=seed)[0] for seed in range(800)])
        posterior, _ = encode(start, counts, setting.inputs, np.zeros((5, 1)))
        draws = np.random.default_rng(3).normal(size=(2000, 2)).astype(np.float32)
        of_cells = float(np.sum(bound(params, counts, posterior, draws)))
        width, of_loadings = np.exp(-9.0), np.asarray(start["loadings"])
        lost = (0.5 * (width**2 + of_loadings**2 - 1) + 9).sum()
        away = np.asarray(cells.params.log_noise)[:-1] + 2
        lost += (0.5 * (width**2 + away**2 - 1) + 9).sum()
        # Both are means over draws, with errors of 0.06.
        assert value == pytest.approx(of_cells - lost, abs=0.4)

    def test_cells_that_only_fill_a_minibatch_count_for_nothing(self, cells: Problem) -> None:
        _, counts = single(cells)
        start, setting = started(cells)
        meant = np.arange(5) < 2
        other = counts.copy()
        other[2:4] = counts[:2]
        values = [elbo(some, start, setting, meant=meant)[0] for some in (counts, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-5)

    @pytest.mark.parametrize("capture", [False, True])
    @pytest.mark.parametrize("residuals", [False, True])
    def test_gradients_are_finite_whatever_the_cells(self, residuals: bool, capture: bool) -> None:
        found = problem([5, 50], genes=8)
        start, setting = started(found, capture=capture)
        counts = np.zeros((5, 8), np.float32)
        counts[0, 0], counts[1, 3], counts[2] = 1, 50_000_000, 3
        counts[3], counts[4, -1] = 2_000_000, 7
        value, slopes = elbo(counts, start, setting, residuals=residuals, capture=capture)
        assert np.isfinite(value)
        for name, slope in slopes.items():
            assert np.isfinite(slope).all(), name
        used = [name for name in slopes if residuals or not name.startswith("log_noise")]
        moved = [name for name in used if np.abs(slopes[name]).max() > 0]
        assert {"centre", "loadings", "location", "scale"} <= set(moved)

    def test_the_decoder_waits_when_told_to(self, cells: Problem) -> None:
        start, setting = started(cells)
        waiting = encoding.Phase(np.float32(1), np.float32(0))
        _, slopes = elbo(single(cells)[1], start, setting, phase=waiting)
        for name in vae.DECODER:
            np.testing.assert_array_equal(slopes[name], 0)
        assert np.abs(slopes["location"]).max() > 0


def test_a_change_of_basis_changes_nothing_but_the_scores(cells: Problem) -> None:
    start, setting = started(cells)
    _, counts = single(cells)
    mean, sd = np.float32([0.3, -1.0]), np.float32([0.5, 2.0])
    moved = change_basis(start, mean, sd)
    zero = np.zeros((5, 1))
    one, _ = encode(start, counts, setting.inputs, zero)
    other, _ = encode(moved, counts, setting.inputs, zero)
    one, other = (Gaussian(*map(np.asarray, found)) for found in (one, other))
    np.testing.assert_allclose(other.location * sd + mean, one.location, atol=1e-5)
    np.testing.assert_allclose(other.scale * sd, one.scale, rtol=1e-5)
    logits = start["centre"] + one.location @ start["loadings"].T
    np.testing.assert_allclose(
        moved["centre"] + other.location @ moved["loadings"].T, logits, atol=1e-5
    )


def test_expected_proportions_are_those_of_the_laplace_posterior(cells: Problem) -> None:
    """With q at each cell's own posterior, lambda at its mode or drawn makes little difference."""
    params, counts = single(cells)
    _, at_mode = evaluate(cells.params, cells.counts)
    latents = equations.Latents(*(np.asarray(array, np.float32) for array in at_mode.latents))
    q = gaussian(latents.scores, at_mode.scores_sd)
    half = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    noise = np.concatenate([half, -half])

    @jax.jit
    def both() -> tuple[jax.Array, jax.Array]:
        found = given_scores.expected_proportions(params, counts, q, noise[:, :2])
        at = equations.find_posterior(params, counts, latents, NARROW, tolerance=1e-3, max_steps=0)
        other = prediction.expected_proportions(params, counts, at, NARROW, noise)
        return found, other

    found, other = map(np.asarray, both())
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(found, other, atol=0.02)


def started(
    cells: Problem, log_scale: float = -3.0, capture: bool = False
) -> tuple[dict[str, Any], vae.Setting]:
    inputs = encoding.input_scale(cells.counts)
    width, genes = cells.loadings.shape[1], len(cells.mean)
    encoder = encoding.init_encoder(jax.random.key(1), genes, HIDDEN, np.zeros(width, np.float32))
    encoder = vae.init_heads(encoder, (4.0, 0.5) if capture else None)
    start = {
        "centre": cells.mean + 0.5 * cells.noise,
        "loadings": cells.loadings,
        "log_noise": np.maximum(cells.params.log_noise, -3),
        "loadings_log_scale": np.full(cells.loadings.shape, log_scale),
        "log_noise_log_scale": np.full(genes, log_scale),
        **encoder,
    }
    setting = vae.Setting(
        loadings_scale=np.ones(width, np.float32),
        noise=Gaussian(np.float32(-2), np.float32(1)),
        has_noise=np.arange(genes) < genes - 1,
        inputs=inputs,
        totals=vae.Totals(np.float32(2e5), np.float32(5), np.float32(0.5)),
        n_batches=np.float32(1),
        unit=np.float32(1),
    )
    return {name: np.asarray(value, np.float32) for name, value in start.items()}, setting


@partial(jax.jit, static_argnames=("residuals", "capture"))
@jax.value_and_grad
def _elbo(
    start: dict[str, jax.Array],
    counts: jax.Array,
    meant: jax.Array,
    setting: vae.Setting,
    phase: encoding.Phase,
    seed: jax.Array,
    *,
    residuals: bool,
    capture: bool,
) -> Any:
    cells: Any = (counts, jnp.full((len(counts), 1), 4.0)) if capture else counts
    keywords = {"residuals": residuals, "capture": capture, "start": start}
    guide = partial(vae.guide, dropout=0.0)
    return -TraceMeanField_ELBO().loss(
        jax.random.key(seed), {}, vae.model, guide, cells, meant, setting, phase, **keywords
    )


def elbo(
    counts: np.ndarray,
    start: dict[str, Any],
    setting: vae.Setting,
    *,
    residuals: bool = True,
    capture: bool = False,
    phase: encoding.Phase = ON,
    meant: np.ndarray | None = None,
    seed: int = 2,
) -> tuple[float, dict[str, np.ndarray]]:
    """NumPyro's bound by one draw, and its slopes in all that the guide begins with."""
    meant = np.ones(len(counts), bool) if meant is None else meant
    value, slopes = _elbo(
        start, counts, meant, setting, phase, seed, residuals=residuals, capture=capture
    )
    return float(value), {name: np.asarray(slope) for name, slope in slopes.items()}
