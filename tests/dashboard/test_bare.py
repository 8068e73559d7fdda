"""Fits without factors, in every view and file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import panel as pn
import pytest
from param.parameterized import resolve_value

from dashboard import actions, link
from dashboard.bare import TITLES, bare_words, short_words
from dashboard.browser import Browser
from dashboard.cards.compare.changed_pairs import NO_CHANGE, changes_heading
from dashboard.cards.compare.tab import CompareTab
from dashboard.cards.data.tab import DataTab
from dashboard.cards.explore.cell_map import CellsView
from dashboard.cards.explore.gene_correlations import CorrelationView
from dashboard.cards.explore.tab import ExploreTab
from dashboard.cards.topics.tab import TopicsTab
from dashboard.export import Provenance, render
from dashboard.report import Subject, document, write_bundle
from dashboard.report.figures import as_they_stand, complete
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import FACTOR, TOTAL_COUNTS, AppState, default_colour
from engine import summaries
from engine.checks import ResidualStructure, with_structure
from engine.results import AnyFit, Fit, Selection, Tried, load, with_selection
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.runs import save_runs

pn.extension("tabulator")

Until = Callable[[Callable[[], object]], None]
REASON = "No factor can be told from noise: counts drawn without any look like these."
SHAPE = {"cells": 60, "genes": 30}


def bare(*, automatic: bool = True, capture: bool = True, labels: bool = True) -> Fit:
    fit = make_fit(**SHAPE, factors=0, capture=capture)
    if not labels:
        fit = replace(fit, obs=fit.obs[[]])
    if not automatic:
        return fit
    tried = (Tried(0, 25.0, 0.0, 0.0, False, 1.0), Tried(1, 25.1, 0.01, 0.004, None, 2.0))
    return with_selection(fit, Selection(0, REASON, tried, 30, 20))


def words(view: pn.viewable.Viewer | pn.viewable.Viewable) -> str:
    panel = view.__panel__() if isinstance(view, pn.viewable.Viewer) else view
    return " ".join(str(pane.object) for pane in panel.select(pn.pane.HTML))


@pytest.fixture
def page(state: AppState, runner: Runner) -> pn.Column:
    """Tabs of a fit with factors, with a choice in everything that has one."""
    browser = Browser(actions.SEARCH)
    views = (DataTab(state, browser), ExploreTab(state, browser), TopicsTab(state, browser))
    state.show_fit(make_fit(**SHAPE, factors=3))
    state.tab = "topics"
    state.choose_factor(2)
    state.tab = "explore"
    return pn.Column(*views, CompareTab(state, browser, runner))


@pytest.mark.slow
@pytest.mark.parametrize(("automatic", "labels"), [(True, True), (False, False)])
def test_every_view_follows_from_a_fit_with_factors_to_one_without_and_back(
    page: pn.Column, state: AppState, automatic: bool, labels: bool
) -> None:
    fit = bare(automatic=automatic, capture=automatic, labels=labels)
    state.show_fit(fit)
    assert (state.factor, state.heat, state.names) == (None, "top", [])
    assert state.colour == (default_colour(fit) if labels else TOTAL_COUNTS)
    assert not {FACTOR, "factor_sd"} & set(state.colours().values())
    for tab in ("topics", "explore", "compare", "data"):
        state.tab = tab
        for key in actions.STEPS:
            actions._press(state, key)
        state.choose_factor(0)
        state.rename_factor(0, "mine")
        assert state.factor is None
    state.tab = "explore"
    for colour in state.colours().values():
        state.colour = colour
    state.choose_gene("GENE3", near=True)
    assert state.heat == "gene"
    state.choose_pair("GENE1", "GENE2")
    state.select(np.arange(60) < 20)
    said = words(page)
    assert bare_words(fit) in said
    assert (REASON in said) == automatic
    assert "No correlation is a finding." in said
    for detail in ("gene", "pair", "cells"):
        state.detail = detail
    for kind in ("topics", "explore"):
        state.tab = kind
    assert state.run_error is None
    state.show_fit(make_topic_fit(**SHAPE, topics=4))
    state.choose_factor(3)
    state.show_fit(bare())
    state.show_fit(make_fit(**SHAPE, factors=2))
    assert state.names == ["factor 1", "factor 2"]
    for detail in ("gene", "pair", "cells"):
        state.detail = detail
    assert "No correlation is a finding." not in words(page)


@pytest.mark.slow
def test_what_the_views_show_of_it_can_be_taken_away(page: pn.Column, state: AppState) -> None:
    state.show_fit(fit := bare())
    state.choose_pair("GENE1", "GENE2")
    state.choose_gene("GENE3")
    names = set()
    for detail in ("gene", "pair", "cells"):
        state.select(np.arange(60) < 20)
        state.detail = detail
        for name, export in as_they_stand(state).items():
            # Only the details are others than before.
            if name in names and name != "details":
                continue
            names.add(name)
            for kind in ("svg", "csv"):
                assert render(export, kind, Provenance.of(state), fit)  # type: ignore[arg-type]
    assert {"cells", "correlations", "details"} <= names
    assert not {"loadings", "map", "ranking", "structure"} & names


def test_cells_lie_by_their_counts_and_are_selected_there(state: AppState) -> None:
    cells = CellsView(state, Browser())
    state.show_fit(fit := bare())
    xy = cells._xy
    np.testing.assert_allclose(xy[:, 0], np.log10(fit.total_counts))
    assert cells._titles == TITLES
    left, right = float(xy[:, 0].min() - 1), float(np.median(xy[:, 0]))
    low, high = float(xy[:, 1].min() - 1), float(xy[:, 1].max() + 1)
    rect = {"type": "rect", "x0": left, "x1": right, "y0": low, "y1": high}
    cells._outlined(rect, {})
    assert state.selected is not None
    np.testing.assert_array_equal(state.selected, xy[:, 0] <= right)


def test_structure_that_was_found_comes_before_that_a_person_asked_for_none(
    state: AppState,
) -> None:
    structure = ResidualStructure(0, 60, 9.0, 1.0, 0.1, ("GENE1", "GENE2"), ())
    view = CorrelationView(state, Browser())
    state.show_fit(with_structure(bare(automatic=False), structure))
    said = words(view)
    assert "Take more factors: genes vary together beyond chance." in said
    assert "most of all GENE1, GENE2." in said
    assert "No correlation is a finding." not in said


def test_a_second_look_at_the_border_of_chance_goes_with_the_reason(state: AppState) -> None:
    near = ResidualStructure(
        0, 60, 1.5, 1.0, 0.1, ("GENE1",), (), nothing=True, chosen=True, none_chosen=True
    )
    view = CorrelationView(state, Browser())
    state.show_fit(with_structure(bare(), near))
    said = words(view)
    assert "No correlation is a finding. No factor can be told from noise." in said
    assert "GENE1 vary together a little more than by chance" in said
    assert "Take more factors" not in said


def test_too_few_cells_to_tell_are_not_said_to_be_noise() -> None:
    few = Selection(0, "0 factors: the fewest that do.", (Tried(0, 9, 0, 0, None, 1),), 30, 20)
    fit = with_selection(make_fit(**SHAPE, factors=0), few)
    assert bare_words(fit) == "This fit has no factors. 0 factors: the fewest that do."
    assert short_words(fit) == "This fit has no factors."
    assert short_words(bare()) == "No factor can be told from noise."


def test_a_link_to_a_factor_that_is_not_there_is_told(state: AppState) -> None:
    state.show_fit(bare())
    requested, problems = link.read("?run=a&factor=1&colour=factor&heat=factor")
    assert not problems
    assert link.apply(requested, state, None) == ["factor 1 of 0", "colour 'factor'"]
    state.run = "a"
    assert link.read(link.write(state, None))[0].factor is None


@pytest.mark.slow
@pytest.mark.parametrize("automatic", [True, False])
def test_a_report_says_why_and_has_what_there_is(automatic: bool, tmp_path: Path) -> None:
    subject = Subject.of(bare(automatic=automatic))
    figures = complete(subject.fit, {}, np.zeros((60, 2)))
    titles = [figure.title for figure in figures]
    assert {"Cells", "Gene correlations"} <= set(titles)
    assert "Loadings" not in titles
    text = document(subject, figures).decode("utf-8")
    assert bare_words(subject.fit) in text
    assert "No correlation is a finding." in text
    assert "could not be drawn" not in text
    assert "W z" not in text
    if not automatic:
        return  # The zip is the same but for the words.
    write_bundle(tmp_path / "all.zip", subject, figures)
    with zipfile.ZipFile(tmp_path / "all.zip") as file:
        assert "Missing" not in file.read("README.txt").decode("utf-8")
        genes = file.read("tables/genes_by_factor.csv").decode("utf-8").splitlines()
        assert len(genes) == 31
        assert "residual_variance" in genes[0]


def test_a_file_of_it_is_read_again(tmp_path: Path) -> None:
    bare().save(tmp_path / "fit.h5ad")
    again = load(tmp_path / "fit.h5ad")
    assert again.n_factors == 0
    assert again.factor_names == []
    assert bare_words(again) == REASON


@pytest.mark.slow
@pytest.mark.parametrize("other", [make_fit(**SHAPE, factors=3, seed=1), make_topic_fit(**SHAPE)])
@pytest.mark.parametrize("first", [True, False])
def test_it_is_compared_with_other_runs(
    state: AppState,
    runner: Runner,
    services: Services,
    until: Until,
    other: AnyFit,
    first: bool,
) -> None:
    none = bare()
    other = replace(other, total_counts=none.total_counts, obs=none.obs)
    fits = [("other", other, 0.01), ("none", none, 0.0)]
    ids = save_runs(services.jobs.home, fits if first else fits[::-1])
    runner.open(ids[-1])
    until(lambda: state.fit is not None)
    view = CompareTab(state, Browser(), runner)
    state.tab = "compare"
    until(lambda: view.compared.beside is not None and view.layout.xy is not None)
    view.choices.detail = "matched"
    assert "no factors to match" in words(view["matched"])
    view.choices.detail = "cells"
    topics = other.model == "lda"
    scatter = view["cell by cell"]
    assert ("say nothing of a cell" in words(scatter)) == topics
    until(lambda: topics or scatter.result is not None)
    assert (scatter.export() is None) == topics
    view.choices.detail = "pairs"
    until(lambda: view["pairs"].result is not None)
    assert NO_CHANGE in resolve_value(view["pairs"].head).how
    beside = view.compared.beside
    missed = ResidualStructure(3, 60, 9.0, 1.0, 0.1, ("GENE1", "GENE2"), ())
    pair = replace(beside, fit=make_fit(60), other=replace(beside.other, fit=make_fit(60)))
    assert "miss something" not in changes_heading(pair).how
    pair = replace(pair, fit=with_structure(pair.fit, missed))
    assert "Factors of A miss something" in changes_heading(pair).how
    assert "most of all GENE1, GENE2" in changes_heading(pair).how
    null = replace(missed, largest=1.0, nothing=True)
    pair = replace(pair, fit=with_structure(make_fit(60), null))
    assert "nothing to find in A: no change is a finding" in changes_heading(pair).how
    assert "miss something" not in changes_heading(pair).how
    for one in (view["comparison"], view["changes"], view["both cells"]):
        export = one.export()
        assert export is not None
        export.draw()
        assert len(export.table())
    assert state.run_error is None


def test_without_factors_nothing_is_placed_by_umap(
    state: AppState, runner: Runner, services: Services, until: Until
) -> None:
    (id,) = save_runs(services.jobs.home, [("none", bare(), None)])
    runner.open(id)
    until(lambda: state.embedding is not None)
    np.testing.assert_allclose(state.embedding.xy[:, 0], np.log10(bare().total_counts))
    assert state.placing == ""
    assert summaries.methods_text(bare()).count("0 factors") == 0
