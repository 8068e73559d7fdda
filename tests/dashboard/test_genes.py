from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.events import AxisClick, Tap

from dashboard.browser import Browser
from dashboard.cards.explore.factor_loadings import LoadingsView
from dashboard.cards.explore.gene_correlations import CorrelationView
from dashboard.state import FACTOR, TOTAL_COUNTS, AppState
from engine import summaries
from engine.results import Fit
from tests.dashboard.synthetic import at_bound, make_counts, make_fit, make_topic_fit

EVIL = '<img src=x onerror="alert(1)">'


def words(view: Any) -> str:
    return " ".join(str(p.object) for p in view.__panel__().select(pn.pane.HTML) if p.visible)


def explained(factor: int, label: str) -> Fit:
    """A fit of four factors, of which a label of four groups explains one."""
    fit = make_fit(genes=60, factors=4, labels=("one",))
    group = np.arange(len(fit.cells)) % 4
    scores = np.random.default_rng(3).normal(size=fit.scores.shape)
    scores[:, factor] += 6.0 * group
    return replace(fit, scores=scores, obs=pd.DataFrame({label: group.astype(str)}, fit.cells))


class TestCorrelation:
    @pytest.fixture
    def view(self, state: AppState) -> CorrelationView:
        view = CorrelationView(state, Browser())
        state.top_genes = 25
        state.show_fit(make_fit(genes=60))
        return view

    def test_shows_the_top_genes_in_the_order_of_their_clusters(
        self, view: CorrelationView, state: AppState
    ) -> None:
        genes = view.heatmap.columns.names
        assert set(genes) == set(summaries.programme_genes(state.fit, 25))
        expected = summaries.clr_correlation(state.fit, genes).to_numpy(np.float32)[::-1]
        np.testing.assert_array_equal(view.heatmap.values, expected)

    def test_a_factor_brings_its_genes(self, view: CorrelationView, state: AppState) -> None:
        state.choose_factor(2)
        assert set(view.heatmap.columns.names) == set(summaries.factor_genes(state.fit, 2, 25))
        assert view._genes.which.value == "factor"

    def test_a_gene_brings_its_neighbours(self, view: CorrelationView, state: AppState) -> None:
        assert not any(value.startswith("gene") for value in view._genes.which.options.values())
        state.choose_gene("GENE7")
        assert view._genes.which.options["Near GENE7"] == "gene GENE7"
        view._genes.which.value = "gene GENE7"
        assert state.heat == "gene"
        near = summaries.correlation_with(state.fit, "GENE7").index[:24]
        assert set(view.heatmap.columns.names) == {"GENE7", *near}
        state.drop_gene("GENE7")
        assert view._genes.which.value == "top"

    def test_the_select_chooses_a_factor_if_none_is(
        self, view: CorrelationView, state: AppState
    ) -> None:
        view._genes.which.value = "factor 1"
        assert (state.factor, state.heat, state.colour) == (0, "factor", FACTOR)

    def test_marks_and_pairs_are_not_clustered_anew(
        self, view: CorrelationView, state: AppState
    ) -> None:
        image, genes = view.heatmap.values, view.heatmap.columns.names
        state.choose_gene(genes[3])
        state.choose_pair(genes[0], genes[4])
        state.colour = TOTAL_COUNTS
        assert view.heatmap.values is image
        assert view.heatmap._bands.data["left"][0] == 3
        assert view.heatmap._cells.data["left"] == [4, 0]

    def test_clicks_choose(self, view: CorrelationView, state: AppState) -> None:
        shown, genes = view.heatmap.figure, view.heatmap.columns.names
        shown._trigger_event(Tap(shown, 0, 0, 3.5, 24.5))
        assert state.pair == (genes[0], genes[3])
        shown._trigger_event(Tap(shown, 0, 0, 2.5, 22.5))
        assert state.marked == (genes[2],)
        axis = shown.yaxis[0]
        axis._trigger_event(AxisClick(axis, 24.5))
        assert state.marked == (genes[0], genes[2])

    def test_a_new_fit_is_shown_and_none_is_waited_for(
        self, view: CorrelationView, state: AppState
    ) -> None:
        before = view.heatmap.values
        state.show_fit(make_fit(genes=60, seed=1))
        assert not np.array_equal(view.heatmap.values, before)
        state.show_run(None)
        assert "Press Fit" in words(view) or "press Fit" in words(view)
        assert view.export() is None

    def test_genes_at_the_limit_of_d_are_named_once_a_fit_has_ended(
        self, view: CorrelationView, state: AppState
    ) -> None:
        assert "rely on r of" not in words(view)
        fit = at_bound(make_fit(genes=60), "GENE3", "GENE7")
        state.show_fit(fit, partial="pass 3 of 40")
        assert "rely on r of" not in words(view)
        state.show_fit(fit, partial="")
        said = "Do not rely on r of 2 of 60 genes, d at its limit (3): GENE3, GENE7<"
        assert said in words(view)
        state.show_fit(make_fit(genes=60))
        assert "rely on r of" not in words(view)

    def test_export_is_what_is_shown(self, view: CorrelationView) -> None:
        export = view.export()
        assert export is not None
        assert list(export.table().columns) == view.heatmap.columns.names
        assert export.draw().axes


class TestLoadings:
    @pytest.fixture
    def view(self, state: AppState) -> LoadingsView:
        view = LoadingsView(state, Browser())
        state.show_fit(make_fit(genes=60, factors=4))
        return view

    def test_bars_and_frame_follow_the_factor_and_the_image_stays(
        self, view: LoadingsView, state: AppState
    ) -> None:
        image = view.map.values
        state.choose_factor(2)
        loadings = summaries.loadings(state.fit)["factor 3"]
        assert view.bars.drawn.index[0] == loadings.idxmax()
        assert view.bars.drawn.index[-1] == loadings.idxmin()
        assert view.bars.figure.title.text.startswith("factor 3 · ")
        assert list(view.map._frame.data["x"]) == [2.5]
        assert view.map.values is image
        assert view._factor.value == "factor 3"

    def test_step_pick_and_click_choose(self, view: LoadingsView, state: AppState) -> None:
        previous, following, _rename = view.__panel__().select(pmui.IconButton)
        following.clicks += 1
        assert state.factor == 0
        previous.clicks += 1
        assert state.factor == 3
        view._factor.value = "factor 2"
        assert (state.factor, state.colour) == (1, FACTOR)
        shown = view.map.figure
        shown._trigger_event(Tap(shown, 0, 0, 2.5, 0.5))
        assert state.factor == 2

    def test_marks_follow(self, view: LoadingsView, state: AppState) -> None:
        gene = view.bars.drawn.index[0]
        state.choose_gene(gene)
        assert len(view.bars._bands.data["y"]) == 1
        assert len(view.map._bands.data["bottom"]) == int(gene in view.map.rows.names)

    def test_labels_that_explain_are_told_once_a_fit_has_ended(
        self, view: LoadingsView, state: AppState
    ) -> None:
        fit = explained(2, "sample")
        state.show_fit(fit, partial="pass 3 of 40")
        assert "Labels: " not in words(view)
        state.partial = ""
        assert "Labels: factor 3 is 9" in words(view)
        assert "% sample</p>" in words(view)
        state.choose_factor(2)
        assert "% sample. If technical, take it as a covariate.</p>" in words(view)
        counts = make_counts(cells=len(fit.cells))
        thin = fit.obs["sample"].where(np.arange(len(fit.cells)) > 2, "rare")
        state.counts = replace(counts, obs=pd.DataFrame({"sample": thin.to_numpy()}))
        refusal = "sample cannot be a covariate as it is: 3 cells of &#39;rare&#39;."
        assert refusal in words(view)
        assert "If technical" not in words(view)
        state.choose_factor(1)
        assert "If technical, look" not in words(view)
        state.rename_factor(2, "Plates")
        assert "Labels: Plates is 9" in words(view)
        state.show_fit(make_fit(genes=60, factors=4, labels=("one",)))
        assert "Labels: " not in words(view)
        state.show_fit(make_topic_fit())
        assert "Labels: " not in words(view)

    def test_labels_with_markup_are_text(self, view: LoadingsView, state: AppState) -> None:
        state.show_fit(explained(0, EVIL))
        assert "Labels: factor 1 is 9" in words(view)
        assert EVIL not in words(view)

    def test_fewer_factors_in_the_next_fit(self, view: LoadingsView, state: AppState) -> None:
        state.choose_factor(3)
        state.show_fit(make_fit(genes=60, factors=1))
        assert view.map.columns.names == ["factor 1"]
        assert view._factor.value == "factor 1"

    def test_export_has_all_genes(self, view: LoadingsView, state: AppState) -> None:
        export = view.export()
        assert export is not None
        assert export.table().shape == (60, 4)
        assert export.draw().axes
