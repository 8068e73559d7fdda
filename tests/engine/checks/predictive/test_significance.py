"""p-values under the null, in the tail, and of statistics that hardly move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.checks.predictive.significance import false_discovery, two_sided_p


@pytest.mark.parametrize("power", [None, 1.0, 3.0])
def test_uniform_under_the_null(power: float | None) -> None:
    """Normal draws, and gamma ones as skewed as variances are."""
    rng = np.random.default_rng(0)
    shape = (101, 20_000)
    values = rng.normal(size=shape) if power is None else rng.gamma(10 / power, size=shape)
    p = two_sided_p(values[0], values[1:])
    assert 0.045 < (p < 0.05).mean() < 0.056
    assert 0.006 < (p < 0.01).mean() < 0.014
    # Twenty at one in a thousand: the tail is fitted, and a little too heavy rather than too light.
    assert (p < 0.001).mean() < 0.003
    assert (p < 0.0001).mean() < 0.0008


def test_tails_go_on_where_draws_end() -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(100, 3))
    p = two_sided_p(np.array([0.0, 5.0, -10.0]), draws)
    assert p[0] > 0.7
    assert 1e-9 < p[1] < 1e-3
    assert 0 < p[2] < 1e-8


def test_statistics_that_do_not_vary() -> None:
    """Draws all alike: an equal value is no surprise, another one as much as steps tell."""
    alike = np.full((100, 3), 2.0)
    p = two_sided_p(np.array([2.0, 3.0, 40.0]), alike, grain=1.0)
    assert p[0] == 1
    assert p[2] < p[1] < 0.05
    unknown = two_sided_p(np.array([2.0, 3.0]), alike[:, :2])
    np.testing.assert_allclose(unknown, [1, 2 / 101])


def test_false_discovery_is_that_of_benjamini_and_hochberg() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.8])
    np.testing.assert_allclose(false_discovery(p), stats.false_discovery_control(p))
    assert len(false_discovery(np.empty(0))) == 0
