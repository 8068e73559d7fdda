from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import Trace_ELBO

from engine.models import encoding, lda, lda_gaussian, lda_vae

FEATURES, TOPICS, CELLS = 12, 3, 6


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(FEATURES, 0.5), TOPICS)
    shares = rng.dirichlet(np.full(TOPICS, 0.5), CELLS)
    return np.stack([rng.multinomial(200, p @ topics) for p in shares]).astype(np.float32)


def gaussian(concentration: Any, size: int) -> encoding.Gaussian:
    basis = lda.softmax_basis(jnp.full(size, concentration, jnp.float32))
    return encoding.Gaussian(basis.location, jnp.sqrt(basis.variance))


@pytest.fixture(scope="module")
def setting(counts: np.ndarray) -> lda_vae.Setting:
    return lda_vae.Setting(
        topics=gaussian(0.3, FEATURES),
        cells=gaussian(0.5, TOPICS),
        inputs=encoding.input_scale(counts),
        n_batches=jnp.float32(1),
        unit=jnp.float32(1),
    )


@pytest.fixture(scope="module")
def start(setting: lda_vae.Setting) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    key = jax.random.key(0)
    return {
        "topic_location": jnp.asarray(rng.normal(size=(TOPICS, FEATURES)), jnp.float32),
        "topic_log_scale": jnp.full((TOPICS, FEATURES), -12.0),
        **encoding.init_encoder(key, FEATURES, 8, setting.cells.location),
    }


def encoder(start: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in start.items() if not name.startswith("topic")}


ON = encoding.Phase(jnp.float32(1), jnp.float32(1))


def bound(
    counts: np.ndarray,
    meant: np.ndarray,
    setting: lda_vae.Setting,
    start: dict[str, Any],
    phase: encoding.Phase = ON,
    particles: int = 4000,
) -> float:
    loss = Trace_ELBO(num_particles=particles, vectorize_particles=True).loss(
        jax.random.key(2),
        {},
        lda_vae.model,
        lda_vae.guide,
        jnp.asarray(counts),
        jnp.asarray(meant),
        setting,
        phase,
        start=start,
        dropout=0.0,
    )
    return -float(loss)


def test_the_bound_of_numpyro_is_that_of_the_cells_and_topics(
    counts: np.ndarray, setting: lda_vae.Setting, start: dict[str, Any]
) -> None:
    """Topics all but fixed: their divergence in closed form, the cells' by `gaussian_bound`."""
    posterior = encoding.encode(encoder(start), jnp.asarray(counts), setting.inputs)
    noise = jax.random.normal(jax.random.key(5), (4000, TOPICS))
    topics = jax.nn.softmax(start["topic_location"])
    alpha = jnp.full(TOPICS, 0.5)
    cells = lda_gaussian.gaussian_bound(*posterior, topics, alpha, jnp.asarray(counts), noise)
    location, scale = setting.topics
    ratio = np.exp(-12.0) / np.asarray(scale)
    away = (np.asarray(start["topic_location"]) - np.asarray(location)) / np.asarray(scale)
    divergence = (0.5 * (ratio**2 + away**2 - 1) - np.log(ratio)).sum()
    value = bound(counts, np.ones(CELLS, bool), setting, start)
    assert value == pytest.approx(float(cells.sum()) - divergence, abs=3)


def test_cells_that_only_fill_a_minibatch_count_for_nothing(
    counts: np.ndarray, setting: lda_vae.Setting, start: dict[str, Any]
) -> None:
    meant = np.arange(CELLS) < 4
    other = counts.copy()
    other[4:] = counts[:2]
    one = bound(counts, meant, setting, start, particles=1)
    assert bound(other, meant, setting, start, particles=1) == pytest.approx(one, rel=1e-5)


def test_the_divergence_can_be_weighted(
    counts: np.ndarray, setting: lda_vae.Setting, start: dict[str, Any]
) -> None:
    meant = np.ones(CELLS, bool)
    off = encoding.Phase(jnp.float32(1e-6), jnp.float32(1))
    full, without = (
        bound(counts, meant, setting, start, phase, particles=500) for phase in (ON, off)
    )
    posterior = encoding.encode(encoder(start), jnp.asarray(counts), setting.inputs)
    sd = setting.cells.scale
    away = (posterior.location - setting.cells.location) / sd
    ratio = posterior.scale / sd
    divergence = (0.5 * (ratio**2 + away**2 - 1) - jnp.log(ratio)).sum()
    assert without - full == pytest.approx(float(divergence), abs=1)


def test_topics_wait_for_the_encoder(
    counts: np.ndarray, setting: lda_vae.Setting, start: dict[str, Any]
) -> None:
    def loss(start: dict[str, Any], phase: encoding.Phase) -> jax.Array:
        return Trace_ELBO().loss(
            jax.random.key(0),
            {},
            lda_vae.model,
            lda_vae.guide,
            jnp.asarray(counts),
            jnp.ones(CELLS, bool),
            setting,
            phase,
            start=start,
            dropout=0.0,
        )

    waiting = encoding.Phase(jnp.float32(1), jnp.float32(0))
    for phase, moved in ((waiting, False), (ON, True)):
        gradient = jax.grad(loss)(start, phase)
        assert bool(jnp.abs(gradient["topic_location"]).max() > 0) == moved
        assert float(jnp.abs(gradient["location"]).max()) > 0


def test_the_encoder_bears_any_cell(setting: lda_vae.Setting, start: dict[str, Any]) -> None:
    counts = np.zeros((4, FEATURES), np.float32)
    counts[1, 0], counts[2], counts[3, 3] = 1, 1e8, 3e9

    def total(encoder: dict[str, Any]) -> jax.Array:
        posterior = encoding.encode(encoder, jnp.asarray(counts), setting.inputs)
        return posterior.location.sum() + jnp.log(posterior.scale).sum()

    value, gradient = jax.value_and_grad(total)(encoder(start))
    assert np.isfinite(value)
    assert all(bool(jnp.isfinite(part).all()) for part in gradient.values())


def test_dropout_leaves_the_scale_of_the_units(
    counts: np.ndarray, setting: lda_vae.Setting, start: dict[str, Any]
) -> None:
    plain = encoding.encode(encoder(start), jnp.asarray(counts), setting.inputs)
    keys = jax.random.split(jax.random.key(0), 500)
    dropped = jax.vmap(
        lambda key: (
            encoding.encode(encoder(start), jnp.asarray(counts), setting.inputs, 0.2, key).location
        )
    )(keys)
    assert float(dropped.std(0).min()) > 0
    np.testing.assert_allclose(dropped.mean(0), plain.location, atol=0.3)
