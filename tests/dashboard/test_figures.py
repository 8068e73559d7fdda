from __future__ import annotations

import itertools
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from dashboard import figures
from dashboard.figures.names import shown, type_size
from dashboard.figures.points import discs
from dashboard.figures.sheet import MM, clean, sheet, sign, wide, wrapped, write
from dashboard.plots.colours import colour_labels, colour_numbers
from dashboard.plots.latent_words import Words

EVIL = ["$\\frac{1}{0$", "a_b^c", '<script>&"', "A\x00B\x1bC", "line\nbreak", "𝒢ene Å β"]
SVG = "{http://www.w3.org/2000/svg}"
# A letter that the font lacks is a box in a PNG and itself in an SVG.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing from font")

FIVE = ["cells", "heatmap", "loadings", "bars", "histograms"]
FACTORS = ["factor 1", "factor 2", "factor 3"]


def genes(count: int) -> list[str]:
    return [f"GENE{j}" for j in range(count)]


def correlation(names: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(np.corrcoef(rng.normal(size=(len(names), 8))), names, names)


def labelled(names: list[str], cells: int = 60) -> Any:
    return colour_labels(pd.Series([names[c % len(names)] for c in range(cells)]), "label $x$")


def made(name: str, names: list[str]) -> Figure:
    """One of the five, of these names."""
    rng = np.random.default_rng(1)
    count = len(names)
    bars = pd.Series(np.linspace(1, -1, count), names)
    table = pd.DataFrame(rng.normal(size=(count, 3)), names, FACTORS)
    makers: dict[str, Callable[[], Figure]] = {
        "cells": lambda: figures.cells(
            rng.normal(size=(60, 2)), labelled(names), titles=(names[0], names[1])
        ),
        "heatmap": lambda: figures.heatmap(correlation(names), marked=names[:1]),
        "loadings": lambda: figures.loadings(
            table, pd.Series([0.5, 0.2, 0.1]), bars, factor=1, marked=names[:2]
        ),
        "bars": lambda: figures.bars(bars, title=names[0], xlabel=names[1]),
        "histograms": lambda: figures.histograms([(rng.gamma(2, size=50), names[0], True)] * 2),
    }
    return makers[name]()


def texts(figure: Figure) -> list[Text]:
    artists = figure.findobj(Text)
    return [text for text in artists if text.get_text() and text.get_visible()]


def boxes(figure: Figure, artists: list[Text]) -> list[Any]:
    figure.draw_without_rendering()
    return [text.get_window_extent() for text in artists]


@pytest.mark.parametrize("name", FIVE)
def test_evil_names_appear_as_they_are(name: str) -> None:
    figure = made(name, EVIL)
    sign(figure, " · ".join(EVIL))
    root = ElementTree.fromstring(write(figure, "svg", 300, EVIL[0], EVIL[2]))
    words = [" ".join("".join(text.itertext()).split()) for text in root.iter(f"{SVG}text")]
    assert clean(EVIL[0]) in " ".join(words)
    assert EVIL[0] in words or name in ("heatmap", "loadings")
    assert root.find(f".//{SVG}script") is None
    assert write(figure, "pdf", 300, EVIL[0], EVIL[2]).startswith(b"%PDF")
    assert write(figure, "png", 100, EVIL[0], EVIL[2]).startswith(b"\x89PNG")


def test_nothing_lies_outside_the_sheet() -> None:
    for name in FIVE:
        figure = made(name, [*EVIL, *genes(20), "A" * 300])
        sign(figure, "where it is from " * 20)
        high, across = figure.bbox.height, figure.bbox.width
        artists = texts(figure)
        for text, box in zip(artists, boxes(figure, artists), strict=True):
            inside = box.x0 > -1 and box.y0 > -1 and box.x1 < across + 1 and box.y1 < high + 1
            assert inside, (name, text.get_text())


@pytest.mark.parametrize("count", [2, 5, 60, 100, 237, 1000])
def test_names_of_genes_never_overlap(count: int) -> None:
    names = genes(count)
    marked = (names[count // 2], names[-1])
    figure = figures.heatmap(correlation(names), marked=marked)
    labels = [text for text in figure.axes[0].get_yticklabels() if text.get_text()]
    tops = sorted((box.y0, box.y1) for box in boxes(figure, labels))
    # the box of a line also holds the room for accents above and descenders below
    spare = [below[0] - above[1] for above, below in itertools.pairwise(tops)]
    assert min(spare) > -0.35 * (tops[0][1] - tops[0][0])
    bold = {text.get_text() for text in labels if text.get_fontweight() == "bold"}
    assert bold == set(marked)
    assert len(labels) == count if count <= 100 else len(labels) > 50


def test_every_nth_name_and_the_marked_ones_instead_of_their_neighbours() -> None:
    names = genes(40)
    assert shown(names, 3.0, ()) == list(range(40))
    assert type_size(3.0) == 6.0
    step = shown(names, 0.4, ())[1]
    assert step > 1
    few = shown(names, 0.4, (names[1],))
    assert 1 in few
    assert np.diff(few).min() >= step


class TestCells:
    def test_colours_are_those_of_the_page(self) -> None:
        colouring = labelled(["b", "a", "c"])
        figure = figures.cells(np.random.default_rng(0).normal(size=(60, 2)), colouring)
        drawn, key = (axes.findobj(PathCollection)[0] for axes in figure.axes)
        colours = {to_hex(colour) for colour in drawn.get_facecolors()}
        assert colours == set(colouring.colours())
        assert [to_hex(c) for c in key.get_facecolors()] == [c for _, c, _ in colouring.labels]
        assert {"a", "b", "c", "20"} <= {text.get_text() for text in texts(figure)}

    def test_a_umap_is_square_without_ticks_and_other_axes_have_them(self) -> None:
        xy = np.random.default_rng(0).normal(size=(60, 2)) * [1, 10]
        colouring = colour_numbers(xy[:, 0], "score (prior sd)", diverging=True)
        (umap, bar), (pair, _) = (
            figures.cells(xy, colouring).axes,
            figures.cells(xy, colouring, titles=("A CLR (nats)", "B CLR (nats)")).axes,
        )
        assert not len(umap.get_xticks())
        assert np.ptp(umap.get_xlim()) == pytest.approx(np.ptp(umap.get_ylim()))
        assert len(pair.get_xticks())
        assert pair.get_ylabel() == "B CLR (nats)"
        assert bar.get_ylabel() == "score (prior sd)"
        box = umap.get_window_extent()
        assert box.width == pytest.approx(box.height)

    def test_the_selected_are_on_top_and_the_others_pale(self) -> None:
        xy = np.arange(40.0).reshape(20, 2)
        selected = np.arange(20) < 5
        colouring = labelled(["a", "b"], 20)
        figure = figures.cells(xy, colouring, selected=selected)
        (drawn,) = figure.axes[0].findobj(PathCollection)
        last = drawn.get_offsets()[-5:]
        assert {float(x) for x in np.asarray(last)[:, 0]} == {0, 2, 4, 6, 8}
        shades = [to_hex(colour) for colour in drawn.get_facecolors()]
        assert set(shades[-5:]) == set(colouring.colours())
        assert not set(shades[:-5]) & set(colouring.colours())
        assert "3 of 10" in {text.get_text() for text in texts(figure)}

    @pytest.mark.parametrize("names", [1, 23, 87, 400])
    def test_a_legend_of_any_length_stays_on_the_sheet(self, names: int) -> None:
        xy = np.random.default_rng(0).normal(size=(400, 2))
        figure = figures.cells(xy, labelled([f"cell type {j:03}" for j in range(names)], 400))
        rows = [t.get_text() for t in texts(figure) if t.get_text().startswith("cell type")]
        assert len(rows) == min(names, 87)
        extents = boxes(figure, texts(figure))
        assert max(box.x1 for box in extents) < figure.bbox.width
        assert min(box.y0 for box in extents) > 0
        assert ("and 313 more" in {t.get_text() for t in texts(figure)}) == (names == 400)

    @pytest.mark.parametrize(("cells", "points"), [(100, 100), (3000, 0), (60_000, 0)])
    def test_many_points_are_an_image_in_vector_files(self, cells: int, points: int) -> None:
        xy = np.random.default_rng(0).normal(size=(cells, 2))
        file = write(figures.cells(xy, labelled(["a"], cells)), "svg", 300, "", "")
        root = ElementTree.fromstring(file)
        # one more is the dot in the legend
        assert len(list(root.iter(f"{SVG}use"))) == points + 1
        assert len(list(root.iter(f"{SVG}image"))) == (0 if points else 1)
        assert len(file) < 1_000_000

    @pytest.mark.parametrize("cells", [0, 1, 3])
    def test_few_or_odd_cells(self, cells: int) -> None:
        xy = np.full((cells, 2), np.nan)
        xy[:1] = 0
        figure = figures.cells(xy, colour_numbers(np.full(cells, np.nan), "nothing"))
        assert write(figure, "png", 50, "", "")
        labels = colour_labels(pd.Series([None] * cells, dtype=object), "nothing")
        assert write(figures.cells(xy, labels), "png", 50, "", "")


def test_discs_put_later_cells_on_top_and_leave_the_rest_clear() -> None:
    xy = np.array([[0.25, 0.75], [0.25, 0.75], [9, 9], [np.nan, 0.5]])
    rgb = np.array([[255, 0, 0], [0, 0, 255], [0, 255, 0], [0, 255, 0]], np.uint8)
    image = discs(xy, rgb, ((0, 1), (0, 1)), 25.4, 1.0)
    assert image.shape == (300, 300, 4)
    row, column = image.shape[0] // 4, image.shape[1] // 4
    assert image[row, column].tolist() == [0, 0, 255, 255]
    area = (image[..., 3] / 255).sum()
    assert area == pytest.approx(np.pi * (0.5 / 25.4 * 300) ** 2, rel=0.1)
    assert not image[..., 1].any()


def test_names_of_topics_are_below_their_columns() -> None:
    names = ["<b>T cells</b> $x$", "topic 2", "topic 3"]
    table = pd.DataFrame(np.eye(3), genes(3), names)
    shares = pd.Series([0.5, 0.3, 0.2], names)
    words = Words("topic", "log fold change", "share of counts")
    figure = figures.loadings(
        table, shares, table[names[0]], factor=0, marked=["GENE1"], words=words
    )
    image = figure.axes[0]
    below = [text.get_text() for text in image.get_xticklabels()]
    assert below == [clean(names[0], 30.0), "2", "3"]
    said = {text.get_text() for text in texts(figure)}
    assert {"topic", "log fold change (nats)"} <= said
    assert "share\nof counts (%)" in said
    assert write(figure, "svg", 50, "", "")


def test_loadings_name_factors_and_mark_the_chosen_one() -> None:
    figure = made("loadings", genes(12))
    image, explained = figure.axes[:2]
    bold = [t.get_text() for t in image.get_xticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["2"]
    assert [bar.get_height() for bar in explained.patches] == [50, 20, 10]
    assert explained.get_position().x1 == pytest.approx(image.get_position().x1)
    said = {text.get_text() for text in texts(figure)}
    assert {"CLR loading (nats)", "factor", "factor 2"} <= said


def test_bars_point_where_the_values_do() -> None:
    figure = figures.bars(pd.Series([2.0, -1.0], ["up", "down"]), title="t", xlabel="nats")
    (axes,) = figure.axes
    up, down = axes.patches
    assert (up.get_width(), down.get_width()) == (2, -1)
    assert up.get_facecolor() != down.get_facecolor()
    assert up.get_window_extent().y0 > down.get_window_extent().y1


def test_bars_of_nothing_and_of_one_value() -> None:
    for values in (pd.Series(dtype=float), pd.Series([0.0], ["a"]), pd.Series([np.nan], ["a"])):
        assert write(figures.bars(values, title="", xlabel=""), "png", 50, "", "")


class TestSheet:
    def test_the_same_figure_gives_the_same_bytes(self) -> None:
        for kind in ("svg", "pdf", "png"):
            one, two = (write(made("cells", genes(4)), kind, 100, "a", "b") for _ in "12")
            assert one == two

    def test_files_say_where_they_come_from_and_keep_their_text(self) -> None:
        figure = figures.bars(pd.Series([1.0], ["CD3E"]), title="", xlabel="")
        sign(figure, "counts · LNMVCP")
        svg = write(figure, "svg", 300, "bars", "counts · LNMVCP").decode()
        assert svg.count("counts · LNMVCP") == 2
        assert ">CD3E</text>" in svg
        assert "DejaVu Sans" in svg
        pdf = write(figure, "pdf", 300, "bars", "counts")
        assert b"(counts)" in pdf
        assert b"/FontFile2" in pdf
        assert b"counts" in write(figure, "png", 300, "bars", "counts")

    def test_widths_are_those_of_the_drawn_text(self) -> None:
        figure = sheet(100, 20)
        text = figure.text(0, 0.5, "CD3E mitochondrial", family="DejaVu Sans", size=20)
        (box,) = boxes(figure, [text])
        drawn = box.width / figure.dpi / MM
        assert wide("CD3E mitochondrial", 20) == pytest.approx(drawn, rel=0.03)

    def test_long_names_are_cut_and_long_lines_broken(self) -> None:
        assert clean("short", 50) == "short"
        cut = clean("mitochondrial ribosome " * 5, 20)
        assert cut.startswith("mito")
        assert cut.endswith("some")
        assert wide(cut) <= 20
        lines = wrapped("one two three four five six seven", 15, 7)
        assert len(lines) > 1
        assert all(wide(line, 7) <= 15 for line in lines)

    def test_threads_take_turns_and_leave_the_settings_alone(self) -> None:
        before = dict(mpl.rcParams)
        files: list[bytes] = []

        def draw() -> None:
            files.append(write(made("heatmap", genes(4)), "svg", 100, "", ""))

        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(files) == 4
        assert len(set(files)) == 1
        assert dict(mpl.rcParams) == before
