from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import shapely

from dashboard.lasso import inside

XY = np.array([[0.0, 0.0], [1.4, 0.0], [0.5, 0.0], [5.0, 5.0], [np.nan, 0.0]])


def turns(count: int) -> dict[str, Any]:
    angle = np.linspace(0, 2 * np.pi * count, 200)
    radius = 1 + angle / 20
    return {"type": "poly", "x": radius * np.cos(angle), "y": list(radius * np.sin(angle))}


def test_a_box_whatever_corner_it_began_at() -> None:
    mask = inside(XY, {"type": "rect", "x0": 2, "x1": 0.2, "y0": 1, "y1": -1})
    assert mask is not None
    assert list(mask) == [False, True, True, False, False]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_outline_that_crosses_itself_holds_all_that_it_shuts_in(count: int) -> None:
    mask = inside(XY, turns(count))
    assert mask is not None
    assert mask[0]
    assert mask[2]
    assert not mask[3:].any()


def test_a_million_points_are_exact_and_quick(rng: np.random.Generator) -> None:
    xy = rng.normal(size=(1_000_000, 2)).astype(np.float32)
    angle = np.linspace(0, 2 * np.pi, 150)
    x, y = 2 * np.cos(angle), 1.5 * np.sin(angle) + 0.4 * np.sin(9 * angle)
    started = time.perf_counter()
    mask = inside(xy, {"type": "poly", "x": x, "y": y})
    # 0.05 s on a machine that has nothing else to do
    assert time.perf_counter() - started < 1
    polygon = shapely.Polygon(np.c_[x, y])
    shapely.prepare(polygon)
    np.testing.assert_array_equal(mask, shapely.contains_xy(polygon, xy))


@pytest.mark.parametrize(
    "outline", [([0.2, 2, 1], [0, 0, 0]), ([0.5, 0.5, 0.5], [-1, 1, 0]), ([0, 1], [0, 0.5])]
)
def test_an_outline_without_room_holds_nothing(outline: tuple[list[float], list[float]]) -> None:
    mask = inside(XY, {"type": "poly", "x": outline[0], "y": outline[1]})
    assert mask is not None
    assert not mask.any()


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"type": "span", "sx": 1},
        {"type": "poly", "x": [0, 1, 2]},
        {"type": "poly", "x": [0, 1, 2], "y": [0, 1]},
        {"type": "poly", "x": [0, 1, "a"], "y": [0, 1, 2]},
        {"type": "poly", "x": [0, np.nan, 2], "y": [0, 1, 2]},
        {"type": "poly", "x": [], "y": []},
        {"type": "poly", "x": 1, "y": 2},
        {"type": "poly", "x": [[0, 1]], "y": [[0, 1]]},
        {"type": "poly", "x": [[0, 1], [2, 3]], "y": [[0, 1], [4, 9]]},
        {"type": "poly", "x": [0.0] * 30_000, "y": list(range(30_000))},
        {"type": "rect", "x0": 0, "x1": float("inf"), "y0": 0, "y1": 1},
        {"type": "rect", "x0": None, "x1": 1, "y0": 0, "y1": 1},
    ],
)
def test_what_is_no_outline_selects_nothing(geometry: dict[str, Any]) -> None:
    assert inside(XY, geometry) is None


def test_no_cells() -> None:
    mask = inside(np.zeros((0, 2)), turns(1))
    assert mask is not None
    assert mask.shape == (0,)
