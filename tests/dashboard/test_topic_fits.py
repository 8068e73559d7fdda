"""A fit of topics in the cards that factors have."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel_material_ui as pmui
import pytest

from dashboard.actions import connect
from dashboard.browser import Browser
from dashboard.cards.choice_bar import chips
from dashboard.cards.colouring import colouring
from dashboard.cards.explore.cell_map import CellsView
from dashboard.cards.explore.factor_loadings import LoadingsView
from dashboard.cards.explore.gene_correlations import CorrelationView
from dashboard.cards.explore.gene_neighbours import GeneView
from dashboard.cards.explore.gene_pair import PairView
from dashboard.cards.explore.selected_cells import ContrastView
from dashboard.cards.explore.tab import ExploreTab
from dashboard.embedding import Embedder
from dashboard.export import Provenance
from dashboard.link import apply, read, write
from dashboard.plots.style import SHARES
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import CLR, COUNTS, FACTOR, AppState, Embedding
from engine import summaries
from engine.results import TopicFit
from tests.dashboard.synthetic import Steps, make_fit, make_topic_fit

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def fit(state: AppState) -> TopicFit:
    fit = make_topic_fit(cells=120, genes=40, topics=4)
    state.show_fit(fit)
    return fit


def parse(text: str) -> re.Match[str] | None:
    """What Bokeh would take for a formula."""
    return re.search(r"\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)", text)


def words_of(view: Any) -> str:
    return str(view._panel.object)


def test_choosing_and_stepping(state: AppState, fit: TopicFit) -> None:
    assert (state.is_topics, state.kind) == (True, "topic")
    assert state.names == ["topic 1", "topic 2", "topic 3", "topic 4"]
    assert "Chosen topic" in state.colours()
    browser = Browser()
    connect(browser, state)
    for tab in ("explore", "topics"):
        state.tab = tab
        browser._handle_msg({"act": "key", "value": "ArrowRight"})
    assert (state.factor, state.colour) == (1, FACTOR)
    state.show_fit(make_fit(factors=3))
    assert (state.is_topics, state.names[1]) == (False, "factor 2")
    state.show_run(None)
    assert (state.is_topics, state.names) == (False, [])


class TestNames:
    def test_trimmed_unique_and_short(self, state: AppState, fit: TopicFit) -> None:
        state.rename_factor(1, "  T   cells ")
        assert state.names == ["topic 1", "T cells", "topic 3", "topic 4"]
        for wrong in ("T cells", "topic 3", "x" * 41):
            state.rename_factor(0, wrong)
            assert state.run_error is not None
            assert state.names[0] == "topic 1"
        state.rename_factor(1, "B cells")
        assert state.run_error is None
        state.rename_factor(1, "")
        assert state.names == fit.default_names

    def test_not_while_topics_may_still_change_places(self, state: AppState, fit: TopicFit) -> None:
        state.show_fit(fit, partial="pass 3")
        state.rename_factor(0, "T cells")
        assert state.names[0] == "topic 1"
        assert state.run_error is not None

    def test_views_follow(self, state: AppState, fit: TopicFit) -> None:
        cells, loadings = CellsView(state, Browser()), LoadingsView(state, Browser())
        gene, contrast = GeneView(state), ContrastView(state, Browser())
        state.choose_gene("GENE1")
        state.choose_factor(2)
        state.rename_factor(2, EVIL)
        assert loadings._factor.value == EVIL
        assert loadings.map.columns.names == ["topic 1", "topic 2", EVIL, "topic 4"]
        assert loadings.bars.figure.title.text.startswith("<img s…t(1)> · ")
        assert "proportion of &lt;img" in str(cells._legend.object)
        assert "&lt;img" in words_of(gene)
        state.select(fit.proportions[:, 2] > 0.5)
        assert "&lt;img" in words_of(contrast)
        chip_words = chips(fit, None, 2, (), None, state.names)
        for html in (chip_words, str(cells._legend.object), words_of(gene), words_of(contrast)):
            assert "<img" not in html
        for view, column in ((cells, f"proportion of {EVIL}"), (loadings, EVIL)):
            export = view.export()
            assert export is not None
            assert column in export.table().columns
            assert export.draw().axes

    def test_none_is_a_formula(self, state: AppState, fit: TopicFit) -> None:
        view = LoadingsView(state, Browser())
        for name in ("$$x^2$$", r"\(x\)", r"\[x\]", "$$$$"):
            state.rename_factor(0, name)
            drawn = [view.bars.figure.title.text, view.map.columns._labels.args["labels"][0]]
            for text in drawn:
                assert parse(text) is None
                assert text.replace("\u2060", "").startswith(name)
            assert view.map.columns.names[0] == name
        assert parse("a $$x$$ b") is not None

    def test_a_field_beside_the_arrows_renames(self, state: AppState, fit: TopicFit) -> None:
        view = LoadingsView(state, Browser())
        (_, _, rename) = view.__panel__().select(pmui.IconButton)
        state.choose_factor(1)
        rename.clicks += 1
        assert (view._name.visible, view._name.value) == (True, "topic 2")
        view._name.value_input = "NK cells"
        view._name.param.trigger("enter_pressed")
        assert state.names[1] == "NK cells"
        assert (view._name.visible, view._factor.visible) == (False, True)
        rename.clicks += 1
        state.step_factor(1)
        assert not view._name.visible, "another topic is not renamed by mistake"

    def test_kept_with_the_run(
        self,
        state: AppState,
        runner: Runner,
        services: Services,
        steps: Steps,
        until: Callable[[Callable[[], object]], None],
    ) -> None:
        steps.go_on.set()
        state.param.update(model="lda", n_topics=3)
        runner.read()
        until(lambda: state.ready)
        runner.fit()
        until(lambda: state.fit is not None and not state.partial)
        run = state.run
        passes = state.fit.status.passes
        assert services.jobs.factor_names(run, passes) == ()
        state.rename_factor(0, EVIL)
        until(lambda: services.jobs.factor_names(run, passes))
        assert services.jobs.factor_names(run, passes) == (EVIL, "topic 2", "topic 3")
        other = AppState()
        second = Runner(other, services)
        second.open(run)
        until(lambda: second.tick() or other.fit is not None)
        assert other.names == [EVIL, "topic 2", "topic 3"]
        # A file of another fit is not used.
        services.jobs.name_factors(run, ["a", "b"], passes)
        second.open(run)
        until(lambda: second.tick() or other.fit is not None)
        assert other.names == ["topic 1", "topic 2", "topic 3"]


class TestCells:
    def test_proportions_are_coloured_from_none_to_all(self, fit: TopicFit) -> None:
        shown = colouring(fit, FACTOR, 1)
        assert shown.title == "proportion of topic 2"
        assert shown.limits == (0, 1)
        assert shown.palette == tuple(SHARES)
        np.testing.assert_array_equal(shown.values, fit.proportions[:, 1])

    def test_genes_by_clr_and_counts(self, fit: TopicFit) -> None:
        shown = colouring(fit, f"{CLR}GENE3", 0)
        assert shown.title == "GENE3 CLR (nats; topics only; grey: mean)"
        np.testing.assert_allclose(
            shown.values, summaries.cell_clr(fit, ["GENE3"]).to_numpy()[:, 0]
        )
        assert "counts" not in colouring(fit, f"{COUNTS}GENE3", 0).title

    def test_two_topics_until_there_is_a_umap(self, state: AppState, fit: TopicFit) -> None:
        view = CellsView(state, Browser())
        assert view._titles == ("proportion of topic 1", "proportion of topic 2")
        state.embedding = Embedding(np.ones((120, 2)), "umap", "run 12")
        assert view._titles == ("UMAP 1", "UMAP 2")

    def test_umap_is_of_log_ratios(self, services: Services, fit: TopicFit) -> None:
        embedder = Embedder(services.jobs)
        run = services.jobs.home / "runs" / "one"
        run.mkdir()
        while (xy := embedder.ask("one 12", fit)) is None:
            time.sleep(0.005)
        np.testing.assert_allclose(xy, summaries.coordinates(fit)[:, :2] + 100, rtol=1e-6)
        again = Embedder(services.jobs)
        np.testing.assert_allclose(again.ask("one 12", fit), xy, rtol=1e-6)

    def test_one_topic_needs_no_umap(self, services: Services) -> None:
        fit = make_topic_fit(cells=30, topics=1)
        np.testing.assert_array_equal(Embedder(services.jobs).ask("one 12", fit), np.ones((30, 2)))


class TestGenes:
    def test_image_and_bars_are_fold_changes_of_telling_genes(
        self, state: AppState, fit: TopicFit
    ) -> None:
        view = LoadingsView(state, Browser())
        state.choose_factor(1)
        weights = summaries.weights(fit)["topic 2"]
        drawn = view.bars.drawn
        assert set(drawn.index) == set(weights.nlargest(len(drawn)).index)
        assert drawn.is_monotonic_decreasing
        np.testing.assert_allclose(drawn, summaries.loadings(fit)["topic 2"][drawn.index])
        assert view.bars.figure.xaxis[0].axis_label == "log fold change (nats)"
        assert view.map.figure.title.text == "Share of counts"
        assert view.map.figure.xaxis[0].axis_label == "topic"
        shares = summaries.factor_shares(fit).to_numpy()
        np.testing.assert_allclose(view.map._bars.data["share"], shares)
        state.show_fit(make_fit())
        assert view.bars.figure.xaxis[0].axis_label == "CLR loading (nats)"
        assert view.map.figure.title.text == "CLR variance"

    def test_heatmap_of_what_the_topics_imply(self, state: AppState, fit: TopicFit) -> None:
        view = CorrelationView(state, Browser())
        state.top_genes = 10
        names = view.heatmap.columns.names
        assert set(names) == set(summaries.programme_genes(fit, 10))
        expected = summaries.clr_correlation(fit, names).to_numpy(np.float32)[::-1]
        # Products of matrices of other shapes are rounded otherwise.
        np.testing.assert_allclose(view.heatmap.values, expected, rtol=1e-6, atol=1e-7)
        state.choose_factor(2)
        assert set(view.heatmap.columns.names) == set(summaries.factor_genes(fit, 2, 10))
        assert "Chosen topic" in view._genes.which.options

    def test_gene_pair_and_contrast(self, state: AppState, fit: TopicFit) -> None:
        detail = ExploreTab(state, Browser()).stacked
        gene, pair, cells = (detail.cards[name] for name in ("gene", "pair", "cells"))
        state.choose_gene("GENE1")
        assert "of all counts" in words_of(gene)
        assert "Its log fold changes by topic (nats)" in words_of(gene)
        state.choose_pair("GENE1", "GENE2")
        assert isinstance(pair, PairView)
        assert pair._titles(state.pair)[0] == "GENE1 CLR (nats; topics only)"
        assert not pair._bars.visible
        pair._bars.value = True
        assert not len(pair.plot.bars.source.data["x0"])
        pd.testing.assert_frame_equal(pair._values, summaries.cell_clr(fit, ["GENE1", "GENE2"]))
        state.select(fit.proportions[:, 0] > 0.5)
        assert "Topics by effect (sd)" in words_of(cells)
        strongest = summaries.contrast(fit, state.selected).genes.index[0]
        assert f'data-value="{strongest}"' in words_of(cells)
        for name in ("gene", "pair", "cells"):
            state.detail = name
            export = detail.export()
            assert export is not None
            assert len(export.table())
            assert export.draw().axes


def test_provenance_counts_topics(state: AppState, fit: TopicFit) -> None:
    assert Provenance.of(state).model == "LDA, 4 topics, 12 passes"


def test_an_address_brings_a_topic_back(state: AppState, fit: TopicFit) -> None:
    state.run = "one"
    state.tab = "topics"
    state.choose_factor(3)
    state.choose_gene("GENE7", near=True)
    requested, problems = read(write(state, None))
    assert (requested.tab, requested.factor, problems) == ("topics", 3, [])
    other = AppState()
    other.show_fit(fit)
    assert apply(requested, other, None) == []
    assert (other.factor, other.colour, other.heat) == (3, FACTOR, "gene")
    assert apply(read("?run=one&factor=5")[0], other, None) == ["factor 5 of 4"]
