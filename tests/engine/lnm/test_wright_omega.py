from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.special import wrightomega

from engine.lnm.wright_omega import fitted_rate, wright_omega

# Compiled once for each shape and precision.
omega = jax.jit(wright_omega)
rates = jax.jit(fitted_rate)
slopes = jax.jit(jax.vmap(jax.grad(wright_omega)))
bends = jax.jit(jax.vmap(jax.grad(jax.grad(wright_omega))))


def relative_error(y: np.ndarray) -> np.ndarray:
    with jax.enable_x64(y.dtype == np.float64):
        found = np.asarray(omega(y), float)
    return np.abs(found / wrightomega(y.astype(float)) - 1)


@pytest.mark.parametrize(("low", "high"), [(-80, -60), (-60, 300), (300, 1e6)])
def test_float32_within_a_millionth(low: float, high: float) -> None:
    assert relative_error(np.linspace(low, high, 400_001, dtype=np.float32)).max() < 1e-6


@pytest.mark.parametrize(("low", "high"), [(-700, -60), (-60, 300), (300, 1e9)])
def test_float64_to_rounding(low: float, high: float) -> None:
    assert relative_error(np.linspace(low, high, 400_001)).max() < 1e-14


def test_no_seam_where_the_start_values_meet() -> None:
    near = np.linspace(0.999, 1.001, 400_001)
    with jax.enable_x64():
        found = np.asarray(omega(near))
    assert (np.diff(found) > 0).all()
    assert relative_error(near).max() < 1e-14


@pytest.mark.parametrize("log_d", [-46.0, -6.0, 0.0, 1.1])
def test_a_rate_is_as_precise_without_noise(log_d: float) -> None:
    """omega(log d + x + d u) / d, where log d is all that float32 would see of the sum."""
    x, u = map(np.ravel, np.meshgrid(np.linspace(-20, 7, 2001), [0.0, 1, 30, 1000]))
    log_d = float(np.float32(log_d))
    x = np.minimum(x, np.log(u + 20)).astype(np.float32)
    found = np.asarray(rates(x, np.float32(log_d), u.astype(np.float32)), float)
    with jax.enable_x64():
        exact = np.asarray(rates(x.astype(float), log_d, u))
    assert np.abs(found / exact - 1).max() < 2e-6
    np.testing.assert_allclose(np.log(exact), x + np.exp(log_d) * (u - exact), atol=1e-9)


@pytest.mark.parametrize("y", [-90.0, -1000.0])
def test_float32_underflow_is_zero_and_not_nan(y: float) -> None:
    """A gene that a parameter step makes all but impossible must not lose the cell."""
    assert np.asarray(omega(np.float32(y))) == pytest.approx(0, abs=1e-35)


def test_derivatives_of_every_order() -> None:
    """omega' = omega / (1 + omega), and omega'' = omega / (1 + omega)^3 by its rule."""
    y = np.array([-50.0, -3.0, 0.0, 1.0, 2.5, 40.0, 250.0])
    exact = wrightomega(y)
    with jax.enable_x64():
        np.testing.assert_allclose(slopes(y), exact / (1 + exact), rtol=1e-13)
        np.testing.assert_allclose(bends(y), exact / (1 + exact) ** 3, rtol=1e-12)


def test_shape_and_precision_are_kept() -> None:
    found = jax.eval_shape(wright_omega, np.zeros((2, 3), np.float32))
    assert found.shape == (2, 3)
    assert found.dtype == np.float32
    with jax.enable_x64():
        assert jax.eval_shape(wright_omega, np.zeros(2)).dtype == np.float64
