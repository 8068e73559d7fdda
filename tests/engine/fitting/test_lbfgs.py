from __future__ import annotations

import numpy as np

from engine.fitting.lbfgs import LBFGS


def quadratic(size: int, condition: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return axes * np.geomspace(1, condition, size) @ axes.T


def test_it_climbs_a_quadratic() -> None:
    """With exact line search and all history, to the peak in as many steps as dimensions."""
    curvature = quadratic(8, 1e3)
    memory, at = LBFGS(history=8), np.ones(8)
    for _ in range(9):
        slope = -curvature @ at
        if np.abs(slope).max() < 1e-12:
            break
        direction = memory.direction(slope, lambda v: v.copy())
        step = direction * (slope @ direction) / (direction @ curvature @ direction)
        memory.remember(step, -curvature @ step)
        at = at + step
    np.testing.assert_allclose(at, 0, atol=1e-6)


def test_the_direction_always_ascends() -> None:
    rng = np.random.default_rng(1)
    memory = LBFGS(history=3)
    for _ in range(20):
        memory.remember(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
        slope = rng.normal(size=(4, 3))
        assert np.sum(memory.direction(slope, lambda v: 0.5 * v) * slope) > 0
        assert len(memory) <= 3


def test_without_memory_it_is_the_metric() -> None:
    slope = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(LBFGS().direction(slope, lambda v: v / 4), slope / 4)


def test_upward_bends_are_not_remembered() -> None:
    memory = LBFGS()
    memory.remember(np.ones(3), np.ones(3))
    assert len(memory) == 0
    memory.remember(np.ones(3), -np.ones(3))
    assert len(memory) == 1
    memory.forget()
    assert len(memory) == 0


def test_the_metric_given_is_corrected_along_what_was_seen() -> None:
    """The secant condition: the step remembered answers the slope's change over it."""
    curvature = quadratic(5, 50)
    memory, step = LBFGS(), np.array([1.0, -2, 0.5, 0, 3])
    memory.remember(step, -curvature @ step)
    np.testing.assert_allclose(memory.direction(curvature @ step, lambda v: v / 7), step)
