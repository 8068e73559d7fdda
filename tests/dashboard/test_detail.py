from __future__ import annotations

import json
from html import unescape
from typing import Any

import numpy as np
import panel as pn
import pytest

from dashboard import lists
from dashboard.browser import Browser
from dashboard.cards.explore.gene_neighbours import GeneView
from dashboard.cards.explore.selected_cells import ContrastView
from dashboard.cards.explore.tab import ExploreTab
from dashboard.state import LABEL, TOTAL_COUNTS, AppState
from engine import summaries
from tests.dashboard.synthetic import at_bound, make_fit

EVIL = '<img src=x onerror="alert(1)">'


def words(view: Any) -> str:
    return " ".join(str(p.object) for p in view.__panel__().select(pn.pane.HTML) if p.visible)


def first_cells(selected: int, cells: int = 300) -> np.ndarray:
    return np.arange(cells) < selected


class TestGene:
    def test_tells_of_the_latest_marked_gene(self, state: AppState) -> None:
        view = GeneView(state)
        state.show_fit(make_fit(genes=60))
        assert "Search a gene" in words(view)
        state.choose_gene("GENE3")
        said = words(view)
        (strongest, *_) = summaries.correlation_with(state.fit, "GENE3").index
        assert f'data-act="gene" data-value="{strongest}"' in said
        assert json.dumps(["GENE3", strongest]) in unescape(said)
        assert 'data-act="near" data-value="GENE3"' in said
        assert 'data-value="clr:GENE3"' in said
        assert "counts:" not in said
        assert said.count('data-act="factor"') == 5
        state.fit_counts = object()
        assert 'data-value="counts:GENE3"' in words(view)

    def test_intervals_are_offered_once_the_fit_has_ended(self, state: AppState) -> None:
        view = GeneView(state)
        state.show_fit(make_fit(genes=60))
        state.choose_gene("GENE3")
        assert 'data-act="uncertainty"' in words(view)
        state.partial = "pass 3 of 40"
        assert 'data-act="uncertainty"' not in words(view)
        state.partial = ""
        assert 'data-act="uncertainty"' in words(view)

    def test_a_gene_at_the_limit_of_d_says_so(self, state: AppState) -> None:
        view = GeneView(state)
        state.show_fit(at_bound(make_fit(genes=60), "GENE3"))
        state.choose_gene("GENE4")
        assert "do not rely" not in words(view)
        state.choose_gene("GENE3")
        assert "d is at its limit: do not rely on its correlations" in words(view)

    def test_waits_while_it_is_hidden(self, state: AppState) -> None:
        view = GeneView(state)
        state.show_fit(make_fit(genes=60))
        state.choose_gene("GENE3")
        state.choose_pair("GENE1", "GENE2")
        state.marked = ("GENE9",)
        assert "GENE3" in words(view)
        state.detail = "gene"
        assert "<h3>GENE9</h3>" in words(view)

    def test_export(self, state: AppState) -> None:
        view = GeneView(state)
        assert view.export() is None
        state.show_fit(make_fit(genes=60))
        state.choose_gene("GENE3")
        export = view.export()
        assert export is not None
        assert len(export.table()) == 59
        assert export.draw().axes


class TestCells:
    @pytest.fixture
    def view(self, state: AppState) -> ContrastView:
        view = ContrastView(state, Browser())
        state.show_fit(make_fit(genes=60))
        return view

    def test_tells_what_was_selected(self, view: ContrastView, state: AppState) -> None:
        assert "Draw around cells" in words(view)
        state.select(first_cells(150))
        said = words(view)
        assert "150 of 300 cells (50 %)" in said
        assert "cell_type" in said
        assert "no p-value" in said
        contrast = summaries.contrast(state.fit, state.selected)
        assert f'data-act="gene" data-value="{contrast.genes.index[0]}"' in said
        strongest = int(contrast.factors["effect"].abs().to_numpy().argmax())
        assert f'data-act="factor" data-value="{strongest}"' in said
        state.select(None)
        assert "Draw around cells" in words(view)

    def test_the_label_that_colours_the_cells(self, view: ContrastView, state: AppState) -> None:
        state.fit.obs["batch"] = np.where(np.arange(300) < 200, "one", EVIL)
        state.select(first_cells(250))
        assert "batch" not in words(view)
        state.colour = f"{LABEL}batch"
        said = words(view)
        assert '<th scope="row">one</th><td>200</td><td>100 %</td><td>80 %</td>' in said
        assert "<img" not in said

    def test_all_cells_have_none_to_compare_with(self, view: ContrastView, state: AppState) -> None:
        state.select(first_cells(300))
        assert "none to compare" in words(view)
        assert view.export() is None

    def test_worked_out_once_and_only_while_shown(
        self, view: ContrastView, state: AppState, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts: list[int] = []
        real = summaries.contrast

        def contrast(fit: Any, mask: np.ndarray) -> summaries.Contrast:
            counts.append(int(mask.sum()))
            return real(fit, mask)

        monkeypatch.setattr(summaries, "contrast", contrast)
        state.select(first_cells(10))
        state.colour = TOTAL_COUNTS
        assert counts == [10]
        state.detail = "gene"
        state.selected = first_cells(20)
        assert counts == [10]
        state.detail = "cells"
        assert counts == [10, 20]
        assert "20 of 300" in words(view)

    def test_export(self, view: ContrastView, state: AppState) -> None:
        state.select(first_cells(20))
        export = view.export()
        assert export is not None
        assert len(export.table()) == 5 + 60
        assert export.draw().axes


class TestDetail:
    def test_follows_the_last_click_and_its_tabs(self, state: AppState) -> None:
        browser = Browser()
        view = ExploreTab(state, browser).stacked
        state.show_fit(make_fit(genes=60))
        assert 'aria-selected="true" data-act="detail" data-value="gene"' in words(view)
        state.select(first_cells(20))
        assert 'aria-selected="true" data-act="detail" data-value="cells"' in words(view)
        browser._handle_msg({"act": "detail", "value": "gene"})
        assert state.detail == "gene"
        browser._handle_msg({"act": "detail", "value": "nothing"})
        assert state.detail == "gene"

    def test_exports_what_is_shown(self, state: AppState) -> None:
        view = ExploreTab(state, Browser()).stacked
        state.show_fit(make_fit(genes=60))
        assert view.export() is None
        for choose, name in (
            (lambda: state.choose_gene("GENE1"), "near GENE1"),
            (lambda: state.select(first_cells(20)), "selected cells"),
        ):
            choose()
            export = view.export()
            assert export is not None
            assert export.name == name


class TestLists:
    def test_names_are_data_and_never_markup(self) -> None:
        button = lists.press("gene", EVIL, EVIL, label=f"Choose {EVIL}")
        assert "<img" not in button
        assert 'onerror="' not in button
        assert "<img" not in lists.table([EVIL, "n"], [[EVIL, EVIL]])

    def test_bars_start_in_the_middle(self) -> None:
        name = lists.press("gene", "a", "a")
        assert "left:50.0%;width:25.0%" in lists.bar(name, 1, 2)
        assert "left:25.0%;width:25.0%" in lists.bar(name, -1, 2)
        assert "width:50.0%" in lists.bar(name, 9, 2)
        assert "width:0.0%" in lists.bar(name, 0, 0)

    def test_small_shares_do_not_vanish(self) -> None:
        assert lists.percent(0.001) == "< 1 %"
        assert lists.percent(0) == "0 %"
        assert lists.percent(0.0012, 1) == "0.1 %"
