from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard.plots.colours import Colouring, colour_labels, colour_numbers
from dashboard.plots.raster import EDGE, GREY, Raster, Window

WINDOW = Window((-1.0, 1.0), (-1.0, 1.0), 20, 20)
COUNT = 2000


def channels(image: np.ndarray) -> np.ndarray:
    """(height, width, 4) RGBA."""
    return image.astype("<u4").view(np.uint8).reshape(*image.shape, 4)


@pytest.fixture
def sides() -> tuple[np.ndarray, Colouring]:
    """Cells that lie left and right, alternating."""
    labels = pd.Series(np.where(np.arange(COUNT) % 2, "right", "left"))
    return np.c_[np.where(labels == "left", -0.5, 0.5), np.zeros(COUNT)], colour_labels(labels, "s")


def test_cells_are_where_they_are() -> None:
    raster = Raster(np.tile([[-0.9, 0.9]], (COUNT, 1)))
    image = raster.draw(colour_numbers(np.ones(COUNT), "x"), None, WINDOW)
    rows, columns = np.nonzero(channels(image)[..., 3])
    assert len(rows)
    # the lowest row comes first
    assert rows.min() > 14
    assert columns.max() < 5


def test_labels_are_told_apart(sides: tuple[np.ndarray, Colouring]) -> None:
    xy, shown = sides
    image = channels(Raster(xy).draw(shown, None, WINDOW))
    for half, (_name, colour, _cells) in zip(
        (image[:, :10], image[:, 10:]), shown.labels, strict=True
    ):
        visible = half[half[..., 3] > 0]
        assert len(visible)
        rgb = [int(colour[j : j + 2], 16) for j in (1, 3, 5)]
        np.testing.assert_allclose(np.median(visible[:, :3], axis=0), rgb, atol=3)


def test_a_pixel_of_several_cells_has_their_mean_colour() -> None:
    xy = np.zeros((COUNT, 2))
    shown = Colouring("", np.arange(COUNT) % 2, (), (0, 1), ("#000000", "#fe0000"))
    image = channels(Raster(xy).draw(shown, None, WINDOW))
    assert image[..., 0].max() == pytest.approx(127, abs=1)


def test_cells_that_are_not_selected_are_grey_and_faint(
    sides: tuple[np.ndarray, Colouring],
) -> None:
    xy, shown = sides
    raster = Raster(xy)
    selected = np.arange(COUNT) % 2 == 0
    whole = channels(raster.draw(shown, None, WINDOW))
    image = channels(raster.draw(shown, selected, WINDOW))
    left, right = image[10, 5], image[10, 15]
    np.testing.assert_allclose(left[:3], whole[10, 5, :3], atol=3)
    np.testing.assert_allclose(right[:3], GREY, atol=1)
    assert 0 < right[3] < left[3]
    # in another window, the grey of the last one is not reused
    moved = Window((-1.0, 1.0), (0.5, 1.0), 20, 20)
    assert not channels(raster.draw(shown, selected, moved))[..., 3].any()


def test_selected_cells_are_outlined(sides: tuple[np.ndarray, Colouring]) -> None:
    """Cells of any colour differ from the grey around them."""
    xy, shown = sides
    raster = Raster(xy)
    image = raster.draw(shown, np.arange(COUNT) % 2 == 0, WINDOW)
    rows, columns = np.nonzero(image == np.uint32(EDGE))
    inside = image != np.uint32(EDGE)
    assert len(rows) >= 4
    assert columns.max() < 10
    assert inside[10, 5]
    assert not (raster.draw(shown, None, WINDOW) == np.uint32(EDGE)).any()


def test_more_cells_are_more_opaque(rng: np.random.Generator) -> None:
    few, many = np.array([[-0.5, 0.0]] * 2), np.array([[0.5, 0.0]] * COUNT)
    xy = np.r_[few, many]
    image = channels(Raster(xy).draw(colour_numbers(np.ones(len(xy)), "x"), None, WINDOW))
    assert 60 < image[:, :10, 3].max() < image[:, 10:, 3].max()


def test_a_window_without_cells() -> None:
    shown = colour_numbers(np.ones(COUNT), "x")
    away = Window((5.0, 6.0), (5.0, 6.0), 20, 20)
    raster = Raster(np.zeros((COUNT, 2)))
    assert not raster.draw(shown, None, away).any()
    assert not raster.draw(shown, np.zeros(COUNT, bool), WINDOW).all()
