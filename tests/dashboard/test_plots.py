from __future__ import annotations

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import FixedTicker, HoverTool

from dashboard.plots.heatmap import clustered, colour_limit, correlation_heatmap
from dashboard.plots.loadings import loading_bars, top_loadings, variance_bars
from dashboard.plots.style import ACCENT, MISSING, NEGATIVE, POSITIVE, frame, span
from dashboard.plots.summary import cell_histogram, decade_ticks
from dashboard.plots.trace import objective_trace

hv.extension("bokeh")
EVIL = '<img src=x onerror="alert(1)">'


def drawn(element: hv.Element) -> hv.plotting.bokeh.ElementPlot:
    return hv.renderer("bokeh").get_plot(element)


class TestSpan:
    def test_contains_the_values_and_is_steady(self) -> None:
        values = np.array([-1.0, 4.0])
        low, high = span(values)
        assert low < -1
        assert high > 4
        assert span(values * 1.01) == (low, high)

    @pytest.mark.parametrize("values", [np.zeros(0), np.full(4, 7.0), np.array([np.nan, 1.0])])
    def test_degenerate(self, values: np.ndarray) -> None:
        low, high = span(values)
        assert low < high


class TestHeatmap:
    @pytest.fixture
    def blocks(self) -> pd.DataFrame:
        names = ["a1", "b1", "a2", "b2", "a3", "b3"]
        same = np.array([[p[0] == q[0] for q in names] for p in names])
        values = np.where(same, 0.8, -0.4)
        np.fill_diagonal(values, 1)
        return pd.DataFrame(values, names, names)

    def test_genes_that_move_together_sit_together(self, blocks: pd.DataFrame) -> None:
        ordered = clustered(blocks)
        groups = "".join(name[0] for name in ordered.columns)
        assert groups in ("aaabbb", "bbbaaa")
        assert list(ordered.index) == list(ordered.columns)
        pd.testing.assert_frame_equal(ordered.loc[blocks.index, blocks.columns], blocks)

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_few_genes(self, count: int) -> None:
        table = pd.DataFrame(np.eye(count))
        assert clustered(table).shape == (count, count)

    def test_image_has_the_first_gene_at_the_top_left(self, blocks: pd.DataFrame) -> None:
        values = blocks.copy()
        values.iloc[0, 1] = values.iloc[1, 0] = 0.123
        image = correlation_heatmap(values)
        assert image.dimension_values("r").dtype == np.float32
        assert image[1.5, 5.5] == pytest.approx(0.123)
        assert image[0.5, 4.5] == pytest.approx(0.123)
        assert image[0.5, 5.5] == 1

    def test_colours_are_symmetric_and_reach_the_strong_pairs(self, blocks: pd.DataFrame) -> None:
        image = correlation_heatmap(blocks)
        low, high = image.opts.get("plot").kwargs["clim"]
        assert low == -high == -colour_limit(blocks)
        assert high == pytest.approx(0.8)

    def test_names_are_ticks_and_hover_words(self, blocks: pd.DataFrame) -> None:
        table = blocks.rename(columns={"a1": EVIL}, index={"a1": EVIL})
        plot = drawn(correlation_heatmap(table))
        assert isinstance(plot.handles["xaxis"].ticker, FixedTicker)
        assert plot.handles["xaxis"].major_label_overrides[0.5] == EVIL
        assert plot.handles["yaxis"].major_label_overrides[5.5] == EVIL
        hover = next(iter(plot.state.select({"type": HoverTool})))
        assert hover.formatters["$x"].args["names"] == list(table.columns)
        assert hover.formatters["$y"].args["names"] == list(table.columns)[::-1]

    def test_names_follow_when_genes_change(self, blocks: pd.DataFrame) -> None:
        stream = hv.streams.Stream.define("Seen", reverse=False)()

        def plot(reverse: bool) -> hv.Image:
            return correlation_heatmap(blocks.iloc[::-1, ::-1] if reverse else blocks)

        shown = drawn(hv.DynamicMap(plot, streams=[stream]))
        stream.event(reverse=True)
        assert shown.handles["xaxis"].major_label_overrides[0.5] == "b3"
        hover = next(iter(shown.state.select({"type": HoverTool})))
        assert hover.formatters["$x"].args["names"][0] == "b3"


class TestLoadings:
    def test_top_of_both_signs_in_order(self) -> None:
        loadings = pd.Series(np.arange(-50.0, 51.0), index=[f"g{j}" for j in range(101)])
        top = top_loadings(loadings, 3)
        assert list(top) == [50, 49, 48, -48, -49, -50]
        assert len(top_loadings(loadings.head(4), 3)) == 4

    def test_bars_are_coloured_by_sign(self) -> None:
        bars = loading_bars(pd.Series([1.5, -0.5], index=["up", EVIL]), "Top genes")
        assert list(bars.data["gene"]) == ["up", EVIL]
        assert list(bars.data["colour"]) == [POSITIVE, NEGATIVE]
        assert drawn(bars).state.yaxis.axis_label == "CLR loading (nats)"

    def test_chosen_factor_stands_out(self) -> None:
        bars = variance_bars(pd.Series([0.5, 0.25]), chosen=1)
        assert list(bars.data["percent"]) == [50, 25]
        assert list(bars.data["colour"]) == [MISSING, ACCENT]


class TestSummary:
    @pytest.mark.parametrize("log", [True, False])
    def test_every_cell_is_in_a_bin(self, log: bool) -> None:
        values = np.random.default_rng(0).lognormal(8, 1, 5000)
        histogram = cell_histogram(values, "total counts", log=log)
        assert histogram.dimension_values("cells").sum() == 5000

    @pytest.mark.parametrize("values", [np.zeros(0), np.zeros(4), np.full(9, 5.0)])
    @pytest.mark.parametrize("log", [True, False])
    def test_degenerate(self, values: np.ndarray, log: bool) -> None:
        assert drawn(cell_histogram(values, "x", log=log)).state is not None

    def test_ticks_are_round(self) -> None:
        assert decade_ticks(90, 12_000) == [
            (v, f"{v:,}") for v in (100, 200, 500, 1000, 2000, 5000, 10_000)
        ]


class TestTrace:
    def test_shows_all_passes_and_marks_the_last(self) -> None:
        line, last = objective_trace([(1, -20), (2, -10), (3, -9)])
        assert list(line.data["nats"]) == [-20, -10, -9]
        assert list(last.data["seconds"]) == [3]

    def test_a_bad_start_does_not_flatten_the_rest(self) -> None:
        points = [(0.0, -1e6)] + [(float(j), -10.0 + j) for j in range(1, 9)]
        axis = drawn(objective_trace(points)).state.y_range
        assert axis.start > -100
        assert axis.end > -2

    @pytest.mark.parametrize("points", [[], [(1.0, -5.0)], [(1.0, float("nan"))]])
    def test_degenerate(self, points: list[tuple[float, float]]) -> None:
        axis = drawn(objective_trace(points)).state.y_range
        assert axis.start < axis.end


def test_no_plot_shows_the_logo() -> None:
    elements = [
        correlation_heatmap(pd.DataFrame(np.eye(3))),
        cell_histogram(np.arange(1, 9), "x"),
        loading_bars(pd.Series([1.0], index=["g"]), ""),
        objective_trace([(1, 2)]),
    ]
    assert all(drawn(element).state.toolbar.logo is None for element in elements)


def test_frame_applies_once_per_token() -> None:
    hook = frame("a", (0, 1), (2, 3))
    plot = drawn(hv.Points([(0, 0), (9, 9)]).opts(hooks=[hook]))
    assert (plot.state.x_range.start, plot.state.y_range.end) == (0, 3)
    plot.state.x_range.start = 0.5
    hook(plot, None)
    assert plot.state.x_range.start == 0.5
