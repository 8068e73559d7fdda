from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from bokeh.events import AxisClick, Tap
from bokeh.models import HoverTool
from bokeh.plotting import figure

from dashboard.plots.heatmap import Heatmap, clustered, colour_limit
from dashboard.plots.loading_bars import LoadingBars
from dashboard.plots.loadings import MOST_ROWS, LoadingsMap, leading_genes, top_loadings
from dashboard.plots.names import LONGEST, MARK, NamedAxis, blank, extent
from dashboard.plots.style import NEGATIVE, POSITIVE

EVIL = '<img src=x onerror="alert(1)">'


def labels(named: NamedAxis) -> list[str]:
    return list(named._labels.args["labels"])


def click(axis: Any, value: float) -> None:
    axis._trigger_event(AxisClick(axis, value))


def tap(shown: Any, x: float, y: float) -> None:
    shown._trigger_event(Tap(shown, 0, 0, x, y))


def grouped() -> pd.DataFrame:
    names = ["a1", "b1", "a2", "b2", "a3", "b3"]
    same = np.array([[p[0] == q[0] for q in names] for p in names])
    values = np.where(same, 0.8, -0.4)
    np.fill_diagonal(values, 1)
    return pd.DataFrame(values, names, names)


def random_loadings(genes: int, factors: int) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(genes, factors))
    names = [f"factor {j + 1}" for j in range(factors)]
    return pd.DataFrame(values, [f"g{j}" for j in range(genes)], names)


class TestNames:
    @pytest.fixture
    def named(self) -> NamedAxis:
        shown = figure(x_range=(0, 3))
        return NamedAxis(shown, "x", room=10)

    def test_marked_names_stand_out_and_come_first(self, named: NamedAxis) -> None:
        named.show(["a", "b", "c"])
        assert named.mark(["c", "gone", "a"]) == (2, 0)
        assert labels(named) == [f"{MARK}a", "b", f"{MARK}c"]
        assert named._range.tags == [3, 2, 0]
        assert named.mark([]) == ()
        assert labels(named) == ["a", "b", "c"]

    def test_long_names_are_cut_beside_the_plot_only(self, named: NamedAxis) -> None:
        named.show([EVIL])
        assert len(labels(named)[0]) == LONGEST
        assert named.hover.args["names"] == [EVIL]

    def test_long_ids_beside_a_plot_have_room_for_all_of_them(self) -> None:
        shown = blank(left=78, bottom=4, height=100)
        named = NamedAxis(shown, "y", room=10)
        named.show(["CD3E", "HLA-DRB1"])
        assert shown.min_border_left == 78
        # 13 characters of DejaVu Sans, a mark before them, in a browser: 109 pixels
        named.show(["ENSG00000187634", "ENSG00000188976"])
        assert shown.min_border_left >= 109
        named.show(["CD3E"])
        assert shown.min_border_left == 78

    def test_a_click_on_a_label_gives_its_name(self, named: NamedAxis) -> None:
        named.show(["a", "b", "c"])
        heard: list[str] = []
        named.on_click(heard.append)
        for value in (0.0, 1.99, 3.0, -0.1):
            click(named._axis, value)
        assert heard == ["a", "b"]

    def test_zoom_is_kept_until_the_extent_changes(self) -> None:
        shown = blank(0, 0, 100)
        extent(shown.x_range, 10.0)
        shown.x_range.update(start=2, end=4)
        extent(shown.x_range, 10.0)
        assert (shown.x_range.start, shown.x_range.end) == (2, 4)
        extent(shown.x_range, 20.0)
        assert (shown.x_range.start, shown.x_range.end) == (0, 20)


class TestClustering:
    def test_genes_that_move_together_sit_together(self) -> None:
        blocks = grouped()
        ordered = clustered(blocks)
        assert "".join(name[0] for name in ordered.columns) in ("aaabbb", "bbbaaa")
        assert list(ordered.index) == list(ordered.columns)
        pd.testing.assert_frame_equal(ordered.loc[blocks.index, blocks.columns], blocks)

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_few_genes(self, count: int) -> None:
        assert clustered(pd.DataFrame(np.eye(count))).shape == (count, count)

    @pytest.mark.parametrize("count", [0, 1])
    def test_no_pair_to_take_a_limit_from(self, count: int) -> None:
        assert colour_limit(pd.DataFrame(np.eye(count))) == 1


class TestHeatmap:
    @pytest.fixture
    def heatmap(self) -> Heatmap:
        shown = Heatmap()
        shown.show(grouped())
        return shown

    def test_first_gene_at_the_top_left(self, heatmap: Heatmap) -> None:
        values = grouped()
        values.iloc[0, 1] = values.iloc[1, 0] = 0.123
        heatmap.show(values)
        assert heatmap.values.dtype == np.float32
        assert heatmap.values[5, 0] == 1
        assert heatmap.values[5, 1] == heatmap.values[4, 0] == pytest.approx(0.123)
        assert (heatmap.columns.at(0.5), heatmap.rows.at(5.5)) == ("a1", "a1")

    def test_colours_are_symmetric_and_reach_the_strong_pairs(self, heatmap: Heatmap) -> None:
        assert heatmap._mapper.low == -heatmap._mapper.high == -colour_limit(grouped())
        assert heatmap._mapper.high == pytest.approx(0.8)

    def test_names_follow_when_genes_change(self, heatmap: Heatmap) -> None:
        heatmap.show(grouped().iloc[::-1, ::-1])
        (hover,) = heatmap.figure.select({"type": HoverTool})
        assert hover.formatters["$x"].args["names"][0] == "b3"
        assert labels(heatmap.rows)[-1] == "b3"

    def test_marks_leave_the_image_alone(self, heatmap: Heatmap) -> None:
        image = heatmap.values
        heatmap.mark(["b1"], ("a2", "b3"))
        assert heatmap.values is image
        bands = heatmap._bands.data
        assert (bands["left"], bands["right"]) == ([1, 0], [2, 6])
        assert (bands["bottom"], bands["top"]) == ([0, 4], [6, 5])
        cells = heatmap._cells.data
        # Row a2, column b3, and the same pair mirrored.
        assert list(zip(cells["left"], cells["bottom"], strict=True)) == [(5, 3), (2, 0)]
        heatmap.mark([], ("a2", "elsewhere"))
        assert not any(heatmap._cells.data["left"])
        assert heatmap._bands.data["left"] == []

    def test_clicks_name_the_pair_and_the_gene(self, heatmap: Heatmap) -> None:
        heard: list[object] = []
        heatmap.on_pair(lambda row, column: heard.append((row, column)))
        heatmap.on_gene(heard.append)
        tap(heatmap.figure, 1.5, 5.5)
        # Beside the frame, where only labels are.
        tap(heatmap.figure, -1.0, 5.5)
        click(heatmap.figure.xaxis[0], 2.5)
        click(heatmap.figure.yaxis[0], 5.5)
        assert heard == [("a1", "b1"), "a2", "a1"]

    def test_a_click_outside_of_what_is_zoomed_in_on_is_none(self, heatmap: Heatmap) -> None:
        heard: list[object] = []
        heatmap.on_pair(lambda row, column: heard.append((row, column)))
        heatmap.figure.x_range.update(start=3, end=5)
        tap(heatmap.figure, 2.5, 2.5)
        assert heard == []


class TestLeadingGenes:
    def test_top_of_both_signs_in_order(self) -> None:
        loadings = pd.Series(np.arange(-50.0, 51.0), index=[f"g{j}" for j in range(101)])
        assert list(top_loadings(loadings, 3)) == [50, 49, 48, -48, -49, -50]
        assert len(top_loadings(loadings.head(4), 3)) == 4

    @pytest.mark.parametrize("factors", [1, 7, 50])
    def test_every_factor_has_its_strongest_gene(self, factors: int) -> None:
        loadings = random_loadings(500, factors)
        shown = leading_genes(loadings)
        assert len(shown) == MOST_ROWS
        assert shown.index.is_unique
        assert set(loadings.idxmax()) <= set(shown.index)
        leaders = np.abs(shown.to_numpy()).argmax(1)
        assert (np.diff(leaders) >= 0).all()
        first = shown.to_numpy()[leaders == leaders[0], leaders[0]]
        assert (np.diff(first) <= 0).all()

    def test_few_genes(self) -> None:
        assert len(leading_genes(random_loadings(3, 2))) == 3


class TestLoadingsMap:
    @pytest.fixture
    def drawn(self) -> LoadingsMap:
        shown = LoadingsMap()
        shown.show(random_loadings(4, 3), pd.Series([0.5, 0.25, 0.1]))
        return shown

    def test_choosing_and_marking_leave_the_image_alone(self, drawn: LoadingsMap) -> None:
        image = drawn.values
        assert image[3, 0] == pytest.approx(random_loadings(4, 3).iloc[0, 0], rel=1e-6)
        drawn.choose(2)
        drawn.mark(["g0", "elsewhere"])
        assert drawn.values is image
        assert list(drawn._frame.data["x"]) == [2.5]
        assert drawn._bands.data["bottom"] == [3]
        drawn.choose(None)
        assert list(drawn._frame.data["x"]) == []

    def test_bars_are_the_shares(self, drawn: LoadingsMap) -> None:
        bars = drawn._bars.data
        heights = bars["top"] - bars["bottom"]
        np.testing.assert_allclose(heights / heights[0], [1, 0.5, 0.2])
        np.testing.assert_allclose(bars["share"], [0.5, 0.25, 0.1])

    def test_clicks(self, drawn: LoadingsMap) -> None:
        heard: list[object] = []
        drawn.on_factor(heard.append)
        drawn.on_gene(heard.append)
        tap(drawn.figure, 1.5, 0.5)
        click(drawn.figure.xaxis[0], 2.5)
        click(drawn.figure.yaxis[0], 3.5)
        # The bars have no gene.
        click(drawn.figure.yaxis[0], 4.3)
        assert heard == [1, 2, "g0"]


class TestLoadingBars:
    @pytest.fixture
    def drawn(self) -> LoadingBars:
        shown = LoadingBars()
        shown.show(pd.Series(np.arange(-50.0, 51.0), [f"g{j}" for j in range(101)]), "factor 1")
        return shown

    def test_the_largest_at_the_top_coloured_by_sign(self, drawn: LoadingBars) -> None:
        bars = drawn._bars.data
        assert bars["gene"][-1] == "g100"
        assert bars["gene"][0] == "g0"
        assert (bars["colour"][0], bars["colour"][-1]) == (NEGATIVE, POSITIVE)

    def test_as_many_as_there_is_room_for(self, drawn: LoadingBars) -> None:
        drawn.fit_into(160)
        assert len(drawn.drawn) == len(labels(drawn.rows)) == 12
        drawn.fit_into(None)
        assert len(drawn.drawn) == 4

    def test_marks_stay_when_the_factor_changes(self, drawn: LoadingBars) -> None:
        drawn.mark(["g100"])
        assert drawn._bands.data["loading"] == [50]
        drawn.show(pd.Series([3.0, -2.0], ["g7", "g100"]), "factor 2")
        assert labels(drawn.rows) == [f"{MARK}g100", "g7"]
        assert drawn._bands.data["loading"] == [-2]

    @pytest.mark.parametrize("values", [[1.0, 2.0], [-1.0, -2.0], [0.0]])
    def test_zero_is_always_in_view(self, drawn: LoadingBars, values: list[float]) -> None:
        drawn.show(pd.Series(values, [f"g{j}" for j in range(len(values))]), "")
        assert drawn.figure.x_range.start <= 0 <= drawn.figure.x_range.end
        assert drawn.figure.x_range.start < drawn.figure.x_range.end

    def test_clicks(self, drawn: LoadingBars) -> None:
        heard: list[str] = []
        drawn.on_gene(heard.append)
        tap(drawn.figure, 1.0, 0.5)
        click(drawn.figure.yaxis[0], len(drawn.drawn) - 0.5)
        assert heard == ["g0", "g100"]


def test_no_plot_shows_the_logo() -> None:
    plots = (Heatmap(), LoadingsMap(), LoadingBars())
    assert all(plot.figure.toolbar.logo is None for plot in plots)
