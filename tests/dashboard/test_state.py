from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dashboard.state
from dashboard.state import (
    CAPTURE,
    COUNTS,
    FACTOR,
    LABEL,
    MOST_MARKED,
    TOTAL_COUNTS,
    AppState,
    Notice,
    default_colour,
)
from engine.errors import ConfigError, DataError
from tests.dashboard.synthetic import make_fit


def test_knows_no_panel() -> None:
    tree = ast.parse(Path(dashboard.state.__file__).read_text("utf-8"))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert not names & {"panel", "panel_material_ui", "holoviews", "bokeh"}


def test_request_and_config_are_what_was_chosen(state: AppState) -> None:
    state.param.update(genes="all", reference="ACTB", model="lnm", d_mode="low_rank", seed=7)
    assert state.request().genes == "all"
    assert state.request().reference == "ACTB"
    assert (state.config().model, state.config().d_mode, state.config().seed) == (
        "lnm",
        "low_rank",
        7,
    )


def test_a_bad_choice_of_genes_is_an_engine_error(state: AppState) -> None:
    state.genes = -1
    with pytest.raises(ConfigError):
        state.request()


def test_ready_only_for_the_counts_that_are_asked_for(state: AppState) -> None:
    assert not state.ready
    state.loaded = state.request()
    assert state.ready
    state.genes = 50
    assert not state.ready
    state.param.update(genes=2000, reading="demo")
    assert not state.ready


class TestChoosing:
    def test_a_factor_colours_the_cells_in_one_update(self, state: AppState) -> None:
        state.show_fit(make_fit(factors=3))
        lengths = []
        state.param.watch(lambda *events: lengths.append(len(events)), ["factor", "colour"])
        state.choose_factor(2)
        assert (state.factor, state.colour) == (2, FACTOR)
        assert lengths == [2]

    @pytest.mark.parametrize("factor", [-1, 3])
    def test_there_is_no_factor_beyond_the_last(self, state: AppState, factor: int) -> None:
        state.show_fit(make_fit(factors=3))
        state.choose_factor(factor)
        assert state.factor is None
        assert state.shown_factor == 0

    def test_a_smaller_fit_keeps_the_choice_valid(self, state: AppState) -> None:
        state.show_fit(make_fit(factors=5))
        state.choose_factor(4)
        state.show_fit(make_fit(factors=2))
        assert state.factor == 1

    def test_stepping_begins_with_the_first_factor(self, state: AppState) -> None:
        state.step_factor(1)
        assert state.factor is None
        state.show_fit(make_fit(factors=3))
        state.step_factor(1)
        assert state.factor == 0
        state.step_factor(-1)
        assert state.factor == 2

    def test_the_latest_gene_comes_first_and_the_oldest_goes(self, state: AppState) -> None:
        state.show_fit(make_fit())
        for j in range(MOST_MARKED + 2):
            state.choose_gene(f"GENE{j}")
        state.choose_gene("GENE3")
        assert state.marked == ("GENE3", "GENE7", "GENE6", "GENE5", "GENE4", "GENE2")

    def test_genes_may_colour_the_cells(self, state: AppState) -> None:
        state.show_fit(make_fit())
        state.choose_gene("GENE1")
        state.choose_pair("GENE1", "GENE2")
        words = [word for word in state.colours() if word.startswith("GENE")]
        assert words == ["GENE1 (CLR)", "GENE2 (CLR)"]
        state.fit_counts = "counts"
        assert state.colours()["GENE2 (counts)"] == f"{COUNTS}GENE2"

    def test_a_gene_with_itself_is_no_pair(self, state: AppState) -> None:
        state.show_fit(make_fit())
        state.choose_pair("GENE1", "GENE1")
        assert (state.pair, state.marked) == (None, ("GENE1",))

    def test_choices_are_kept_where_the_next_run_knows_them(self, state: AppState) -> None:
        state.show_fit(make_fit(genes=60))
        state.choose_gene("GENE50")
        state.choose_gene("GENE1", near=True)
        state.choose_pair("GENE1", "GENE50")
        state.select(np.arange(300) < 9)
        state.show_run("same cells")
        state.show_fit(make_fit(genes=60, seed=2))
        assert state.marked == ("GENE1", "GENE50")
        assert state.selected.sum() == 9
        state.show_run("fewer genes, other cells")
        fewer = make_fit(genes=20)
        state.show_fit(replace(fewer, cells=fewer.cells + "x"))
        assert (state.marked, state.pair, state.selected) == (("GENE1",), None, None)
        assert state.heat == "gene"
        state.show_run("none of them")
        state.show_fit(make_fit(genes=1))
        assert (state.marked, state.heat) == ((), "top")

    def test_a_newer_snapshot_keeps_the_colour(self, state: AppState) -> None:
        state.show_fit(make_fit(seed=1))
        state.colour = TOTAL_COUNTS
        state.show_fit(make_fit(seed=2))
        assert state.colour == TOTAL_COUNTS

    def test_a_colour_that_the_new_fit_lacks_is_replaced(self, state: AppState) -> None:
        state.show_fit(make_fit(capture=True))
        state.colour = CAPTURE
        state.show_fit(make_fit(capture=False))
        assert state.colour == f"{LABEL}cell_type"

    def test_a_label_may_be_called_like_a_choice(self, state: AppState) -> None:
        fit = make_fit()
        fit.obs["Total counts"] = "x"
        state.show_fit(fit)
        assert state.colours()["Total counts"] == TOTAL_COUNTS
        assert state.colours()["Total counts (label)"] == f"{LABEL}Total counts"

    def test_default_colour_is_a_label_that_tells_cells_apart(self) -> None:
        fit = make_fit()
        assert default_colour(fit) == f"{LABEL}cell_type"
        for values in (1.0, "same", [f"c{j}" for j in range(len(fit.cells))]):
            fit.obs["cell_type"] = values
            assert default_colour(fit) == FACTOR


def test_another_run_leaves_nothing_of_the_old(state: AppState) -> None:
    state.show_fit(make_fit(), partial="pass 1")
    state.show_run("other")
    assert (state.run, state.fit, state.partial, state.embedding) == ("other", None, "", None)


def test_notices_keep_the_parts_of_engine_errors() -> None:
    assert Notice.of(DataError("a", "b", "c.")) == Notice("a", "b", "c.")
    assert "ZeroDivisionError" in Notice.of(ZeroDivisionError("x")).got


def test_states_share_nothing() -> None:
    one, two = AppState(), AppState()
    one.show_fit(make_fit())
    one.runs.append("x")
    assert two.fit is None
    assert two.runs == []
    assert isinstance(one.fit.obs, pd.DataFrame)
