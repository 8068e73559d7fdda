"""An export has what was computed and chosen, whatever the room on the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dashboard import figures
from dashboard.browser import Browser
from dashboard.cards.explore.factor_loadings import LoadingsView
from dashboard.cards.explore.gene_correlations import CorrelationView
from dashboard.cards.explore.gene_pair import PairView
from dashboard.cards.topics.ranking import RankingView
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.cards.uncertainty import gene_intervals
from dashboard.plots.loadings import ON_PAPER
from dashboard.plots.topic_structure import bounds
from dashboard.state import AppState
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.dashboard.test_uncertainty import make_uncertainty

# Heights of the plot, pixels: in a tab never in front, in small and large windows.
HEIGHTS = (None, 60, 250, 900)


def texts(figure: Figure) -> str:
    """All texts of a figure."""
    own = [text.get_text() for axes in figure.axes for text in axes.texts]
    return " ".join(" ".join(own).split())


def names(figure: Figure, axes: int) -> list[str]:
    return [text.get_text() for text in figure.axes[axes].get_yticklabels()]


def whiskers(figure: Figure, axes: int) -> np.ndarray:
    """(n, 2) ends of the lines."""
    (lines,) = (a for a in figure.axes[axes].collections if isinstance(a, LineCollection))
    return np.array([segment[:, 0] for segment in lines.get_segments()])


@pytest.mark.slow
@pytest.mark.parametrize("topics", [False, True])
def test_as_many_bars_whatever_room_the_page_has(state: AppState, topics: bool) -> None:
    state.tab = "topics"
    views: list[Any] = [
        LoadingsView(state, Browser()),
        RankingView(state, TopicChoices(), Browser()),
    ]
    state.show_fit(make_topic_fit(60, 40, 3) if topics else make_fit(60, 40, 3))
    for view, axes in zip(views, (-1, 0), strict=True):
        sizes = []
        for height in HEIGHTS:
            view.bars.fit_into(height)
            drawn = view.export().draw()
            sizes.append((len(names(drawn, axes)), tuple(drawn.get_size_inches())))
        assert len(set(sizes)) == 1
        assert sizes[0][0] == ON_PAPER


def test_bars_fill_the_sheet_beside_the_image(state: AppState) -> None:
    view = LoadingsView(state, Browser())
    state.show_fit(make_fit())
    image, *_, bars = view.export().draw().axes
    assert bars.get_position().height > 0.8 * image.get_position().height


def test_intervals_are_in_figures_and_tables(state: AppState) -> None:
    state.tab = "topics"
    loadings = LoadingsView(state, Browser())
    ranking = RankingView(state, TopicChoices(), Browser())
    state.show_fit(fit := make_fit())
    state.choose_factor(1)
    for view, axes in ((loadings, -1), (ranking, 0)):
        assert not view.export().draw().axes[axes].collections
    state.uncertainty = uncertainty = make_uncertainty(fit)
    ends = gene_intervals(fit, uncertainty, 1)
    for view, axes in ((loadings, -1), (ranking, 0)):
        drawn = view.export().draw()
        np.testing.assert_allclose(
            whiskers(drawn, axes), ends.loc[names(drawn, axes), ["low", "high"]]
        )
        assert "90 % intervals" in drawn.axes[axes].get_xlabel()
    table = loadings.export().table()
    for name, place in (("factor 1", 0), ("factor 2", 1)):
        own = gene_intervals(fit, uncertainty, place).loc[table.index]
        np.testing.assert_allclose(table[[f"{name}, 5 %", f"{name}, 95 %"]], own[["low", "high"]])
    assert set(ranking.export().table()) >= {"low_90", "high_90", "lfsr"}


def test_the_veil_is_in_figure_and_table(state: AppState) -> None:
    view = CorrelationView(state, Browser())
    state.show_fit(fit := make_fit())
    state.uncertainty = make_uncertainty(fit, 0.05)
    assert "Veiled" not in texts(view.export().draw())
    state.max_fsos = 0.05
    drawn, table = view.export().draw(), view.export().table()
    assert "Veiled: false sign or |r| < 0.1 with a probability above 5 %" in texts(drawn)
    veil = drawn.axes[0].images[1].get_array()[..., 3] > 0
    assert table["veiled"].sum() == veil[np.triu_indices(len(veil), 1)].sum() > 0
    assert (table["veiled"] == (table["fsos"] > 0.05)).all()


@pytest.mark.parametrize(("genes", "said"), [(100, ""), (200, "every 2nd name is written")])
def test_names_that_are_left_out_are_told(genes: int, said: str) -> None:
    index = [f"GENE{j}" for j in range(genes)]
    table = pd.DataFrame(np.eye(genes), index, index)
    square = figures.heatmap(table)
    for drawn in (square, figures.topic_table(table.iloc[:, :3], "r", signed=True)):
        written = len(names(drawn, 0))
        assert ("every" in texts(drawn)) == (written < genes), written
    assert said in texts(square)
    assert len(names(square, 0)) == (genes if not said else genes // 2)


def test_groups_without_room_for_a_name_are_counted() -> None:
    groups = [f"g{j}" for j in range(60) for _ in range(1 if j % 2 else 20)]
    index = pd.MultiIndex.from_arrays([groups, range(len(groups))], names=["group", "cell"])
    table = pd.DataFrame({"a": 0.5, "b": 0.5}, index)
    drawn = figures.topic_structure(table, "donor")
    left = len(bounds(index)[0]) - len(drawn.axes[0].get_xticks())
    assert left > 0
    assert drawn.axes[0].get_title("left") == f"donor ({left} narrow ones without a name)"


def test_error_bars_of_a_pair_are_in_its_table(state: AppState) -> None:
    view = PairView(state)
    state.show_fit(make_fit(cells=40))
    state.choose_pair("GENE1", "GENE2")
    assert not [name for name in view.export().table() if name.endswith(", sd")]
    view._bars.value = True
    table = view.export().table()
    np.testing.assert_allclose(table[[name for name in table if name.endswith(", sd")]], view._sd)
