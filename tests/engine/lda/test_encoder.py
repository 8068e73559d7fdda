from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import Trace_ELBO
from scipy import special

from engine.fitting import encoding
from engine.lda import cell_gaussian, equations
from engine.lda import encoder as vae

FEATURES, TOPICS, CELLS = 12, 3, 6

# Compiled once for all tests, which have cells of one shape.
encode = jax.jit(encoding.encode)


@jax.jit
@jax.value_and_grad
def loss(
    start: dict[str, Any],
    counts: jax.Array,
    meant: jax.Array,
    setting: vae.Setting,
    phase: encoding.Phase,
) -> Any:
    """Minus the bound by NumPyro, a mean over 4000 draws, and its slopes."""
    return Trace_ELBO(num_particles=4000, vectorize_particles=True).loss(
        jax.random.key(2),
        {},
        vae.model,
        vae.guide,
        counts,
        meant,
        setting,
        phase,
        start=start,
        dropout=0.0,
    )


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(FEATURES, 0.5), TOPICS)
    shares = rng.dirichlet(np.full(TOPICS, 0.5), CELLS)
    return np.stack([rng.multinomial(200, p @ topics) for p in shares]).astype(np.float32)


def gaussian(concentration: Any, size: int) -> encoding.Gaussian:
    basis = jax.jit(equations.softmax_basis)(np.full(size, concentration, np.float32))
    return encoding.Gaussian(np.asarray(basis.location), np.sqrt(basis.variance))


@pytest.fixture(scope="module")
def setting(counts: np.ndarray) -> vae.Setting:
    return vae.Setting(
        topics=gaussian(0.3, FEATURES),
        cells=gaussian(0.5, TOPICS),
        inputs=encoding.input_scale(counts),
        n_batches=np.float32(1),
        unit=np.float32(1),
    )


@pytest.fixture(scope="module")
def start(setting: vae.Setting) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "topic_location": rng.normal(size=(TOPICS, FEATURES)).astype(np.float32),
        "topic_log_scale": np.full((TOPICS, FEATURES), -12.0, np.float32),
        **encoding.init_encoder(jax.random.key(0), FEATURES, 8, setting.cells.location),
    }


def encoder(start: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in start.items() if not name.startswith("topic")}


ON = encoding.Phase(np.float32(1), np.float32(1))
ALL = np.ones(CELLS, bool)


def bound(
    counts: np.ndarray,
    meant: np.ndarray,
    setting: vae.Setting,
    start: dict[str, Any],
    phase: encoding.Phase = ON,
) -> float:
    return -float(loss(start, counts, meant, setting, phase)[0])


@pytest.mark.slow
def test_the_bound_of_numpyro_is_that_of_the_cells_and_topics(
    counts: np.ndarray, setting: vae.Setting, start: dict[str, Any]
) -> None:
    """Topics all but fixed: their divergence in closed form, the cells' by `gaussian_bound`."""
    posterior = encode(encoder(start), counts, setting.inputs)
    noise = np.random.default_rng(5).normal(size=(4000, TOPICS)).astype(np.float32)
    topics = special.softmax(start["topic_location"], axis=1)
    alpha = np.full(TOPICS, 0.5, np.float32)
    cells = jax.jit(cell_gaussian.gaussian_bound)(*posterior, topics, alpha, counts, noise)
    location, scale = setting.topics
    ratio = np.exp(-12.0) / scale
    away = (start["topic_location"] - location) / scale
    divergence = (0.5 * (ratio**2 + away**2 - 1) - np.log(ratio)).sum()
    value = bound(counts, ALL, setting, start)
    assert value == pytest.approx(float(np.sum(cells)) - divergence, abs=3)


def test_cells_that_only_fill_a_minibatch_count_for_nothing(
    counts: np.ndarray, setting: vae.Setting, start: dict[str, Any]
) -> None:
    meant = np.arange(CELLS) < 4
    other = counts.copy()
    other[4:] = counts[:2]
    one = bound(counts, meant, setting, start)
    assert bound(other, meant, setting, start) == pytest.approx(one, rel=1e-5)


def test_the_divergence_can_be_weighted(
    counts: np.ndarray, setting: vae.Setting, start: dict[str, Any]
) -> None:
    off = encoding.Phase(np.float32(1e-6), np.float32(1))
    full, without = (bound(counts, ALL, setting, start, phase) for phase in (ON, off))
    posterior = encode(encoder(start), counts, setting.inputs)
    sd = setting.cells.scale
    away = (np.asarray(posterior.location) - setting.cells.location) / sd
    ratio = np.asarray(posterior.scale) / sd
    divergence = (0.5 * (ratio**2 + away**2 - 1) - np.log(ratio)).sum()
    assert without - full == pytest.approx(float(divergence), abs=1)


def test_topics_wait_for_the_encoder(
    counts: np.ndarray, setting: vae.Setting, start: dict[str, Any]
) -> None:
    waiting = encoding.Phase(np.float32(1), np.float32(0))
    for phase, moved in ((waiting, False), (ON, True)):
        _, slopes = loss(start, counts, ALL, setting, phase)
        assert bool(np.abs(slopes["topic_location"]).max() > 0) == moved
        assert float(np.abs(slopes["location"]).max()) > 0


def test_the_encoder_bears_any_cell(setting: vae.Setting, start: dict[str, Any]) -> None:
    counts = np.zeros((4, FEATURES), np.float32)
    counts[1, 0], counts[2], counts[3, 3] = 1, 1e8, 3e9

    def total(encoder: dict[str, Any]) -> jax.Array:
        posterior = encoding.encode(encoder, counts, setting.inputs)
        return posterior.location.sum() + jnp.log(posterior.scale).sum()

    value, slopes = jax.jit(jax.value_and_grad(total))(encoder(start))
    assert np.isfinite(value)
    assert all(np.isfinite(part).all() for part in slopes.values())


def test_dropout_leaves_the_scale_of_the_units(
    counts: np.ndarray, setting: vae.Setting, start: dict[str, Any]
) -> None:
    plain = encode(encoder(start), counts, setting.inputs)

    @jax.jit
    @jax.vmap
    def dropped(key: jax.Array) -> jax.Array:
        return encoding.encode(encoder(start), counts, setting.inputs, 0.2, key).location

    found = np.asarray(dropped(jax.random.split(jax.random.key(0), 500)))
    assert float(found.std(0).min()) > 0
    np.testing.assert_allclose(found.mean(0), plain.location, atol=0.3)
