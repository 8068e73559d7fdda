from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

from dashboard.plots.histograms import binned, cell_histogram, decade_ticks
from dashboard.plots.style import frame, span
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

    @pytest.mark.parametrize("most", [0, 3, 49, 50, 55, 219, 1234])
    def test_whole_numbers_are_spread_evenly(self, most: int) -> None:
        """A bin between two of them would look like a gap in the data."""
        counts, edges = binned(np.repeat(np.arange(2, most + 3), 2), log=False)
        assert counts.sum() == 2 * (most + 1)
        assert len(counts) <= 50
        assert len(np.unique(counts[:-1])) <= 1
        assert counts[-1] > 0
        assert np.all(edges % 1 == 0.5)

    def test_ticks_are_round(self) -> None:
        assert decade_ticks(90, 12_000) == [
            (v, f"{v:,}") for v in (100, 200, 500, 1000, 2000, 5000, 10_000)
        ]

    @pytest.mark.parametrize(
        ("low", "high"), [(540, 660), (99.6, 100.4), (51_234, 51_241), (0.61, 0.69), (3, 3.00001)]
    )
    def test_there_are_ticks_whatever_the_limits(self, low: float, high: float) -> None:
        """Cells of about equal totals are drawn, too."""
        ticks = [value for value, _ in decade_ticks(low, high)]
        assert len(ticks) > 1
        assert low <= ticks[0] < ticks[-1] <= high
        assert drawn(cell_histogram(np.linspace(low, high, 30), "x")).state is not None


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
        cell_histogram(np.arange(1, 9), "x"),
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
