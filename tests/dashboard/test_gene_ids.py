"""Genes with ids beside their names are searched, shown and exported by both."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import panel as pn
import pytest

from dashboard import link
from dashboard.cards.choice_bar import ChoiceBar
from dashboard.cards.explore.gene_neighbours import GeneView
from dashboard.export import Export, Provenance, render
from dashboard.gene_ids import called, full, ids_of
from dashboard.plots.heatmap import Heatmap
from dashboard.plots.loading_bars import LoadingBars
from dashboard.state import AppState
from engine import summaries
from engine.results import OTHER, Fit
from tests.dashboard.synthetic import make_fit

IDS = [*(f"ENSG{j:011d}.2" for j in range(60)), OTHER]
TWIN = f"TBCE ({IDS[7]})"


@pytest.fixture
def fit() -> Fit:
    fit = make_fit()
    names = [TWIN if name == "GENE7" else name for name in fit.genes]
    return replace(fit, genes=pd.Index(names), gene_ids=pd.Index(IDS))


@pytest.fixture
def state(fit: Fit) -> AppState:
    state = AppState(run="r1")
    state.show_fit(fit)
    return state


def by_ids(fit: Fit) -> Fit:
    """The same fit as an older run, whose genes are named by their ids."""
    return replace(fit, genes=pd.Index(IDS), gene_ids=None)


def html(view: pn.viewable.Viewer) -> str:
    return " ".join(pane.object or "" for pane in view.__panel__().select(pn.pane.HTML))


def test_a_gene_is_known_by_id_first(fit: Fit) -> None:
    assert called(fit, IDS[3]) == called(fit, "GENE3") == called(fit, IDS[3][:-2]) == "GENE3"
    assert called(fit, OTHER) is None
    assert called(fit, "none") is None
    assert full("GENE3", ids_of(fit)) == f"GENE3 · {IDS[3]}"
    assert full(TWIN, ids_of(fit)) == TWIN
    assert ids_of(make_fit()) == {}


def test_search_finds_both(state: AppState) -> None:
    bar = ChoiceBar(state)
    assert f"GENE3 · {IDS[3]}" in bar._search.options
    assert TWIN in bar._search.options
    bar._search.value = f"GENE3 · {IDS[3]}"
    assert state.marked == ("GENE3",)
    assert f'title="GENE3 · {IDS[3]}"' in html(bar)
    assert ">GENE3<" in html(bar)


def test_the_gene_that_is_shown_tells_its_id(state: AppState) -> None:
    view = GeneView(state)
    state.choose_gene(IDS[3])
    assert f'<h3>GENE3 <span class="id">{IDS[3]}</span></h3>' in html(view)
    first = summaries.correlation_with(state.fit, "GENE3").index[0]
    assert f'title="{full(first, ids_of(state.fit))}"' in html(view)


def test_an_address_may_name_either(state: AppState) -> None:
    requested, _ = link.read(f"?run=r1&gene={IDS[3]}&gene=GENE4&pair=GENE1&pair={IDS[2][:-2]}")
    assert link.apply(requested, state, None) == []
    assert state.marked == ("GENE3", "GENE4")
    assert state.pair == ("GENE1", "GENE2")
    unknown, _ = link.read("?run=r1&gene=ENSG99")
    assert link.apply(unknown, state, None) == ["gene 'ENSG99'"]


@pytest.mark.parametrize("back", [False, True])
def test_what_is_chosen_stays_when_another_run_calls_genes_otherwise(
    state: AppState, fit: Fit, back: bool
) -> None:
    state.choose_gene("GENE3")
    state.choose_pair("GENE1", "GENE2")
    state.show_fit(by_ids(fit))
    assert state.marked == (IDS[3],)
    assert state.pair == (IDS[1], IDS[2])
    if back:
        state.show_fit(fit)
        assert state.marked == ("GENE3",)
        assert state.pair == ("GENE1", "GENE2")


def test_hovering_tells_ids(fit: Fit) -> None:
    heatmap = Heatmap()
    table = summaries.clr_correlation(fit, ["GENE1", "GENE2", TWIN])
    heatmap.show(table, ids_of(fit))
    assert heatmap.columns.names == ["GENE1", "GENE2", TWIN]
    assert heatmap.columns.hover.args["names"][:2] == [f"GENE1 · {IDS[1]}", f"GENE2 · {IDS[2]}"]
    bars = LoadingBars()
    bars.ids = ids_of(fit)
    bars.show(summaries.loadings(fit).iloc[:, 0], "factor 1")
    assert set(bars._bars.data["gene"]) <= {full(name, ids_of(fit)) for name in fit.genes}
    bars.on_gene(lambda _gene: None)
    assert set(bars.rows.names) <= set(fit.genes)


def test_names_beside_a_plot_differ() -> None:
    names = [f"a long name of gene {j} of a family" for j in range(9)]
    table = pd.DataFrame(0.5, names, names)
    heatmap = Heatmap()
    heatmap.show(table)
    labels = heatmap.columns._labels.args["labels"]
    assert len(set(labels)) == 9
    assert all("…" in label for label in labels)
    assert heatmap.columns.hover.args["names"] == names


class TestTables:
    def csv(self, table: pd.DataFrame, fit: Fit) -> pd.DataFrame:
        export = Export("x", lambda: None, lambda: table)  # type: ignore[arg-type, return-value]
        return pd.read_csv(io.BytesIO(render(export, "csv", Provenance(), fit)))

    def test_an_index_of_genes(self, fit: Fit) -> None:
        table = self.csv(summaries.loadings(fit).rename_axis("gene"), fit)
        assert table.columns[:2].tolist() == ["gene", "id"]
        assert table["id"][3] == IDS[3]

    def test_an_index_without_a_name(self, fit: Fit) -> None:
        table = summaries.loadings(fit).rename_axis(None)
        assert self.csv(table, fit)["id"][3] == IDS[3]

    def test_a_matrix_stays_square(self, fit: Fit) -> None:
        table = self.csv(summaries.clr_correlation(fit, ["GENE1", "GENE2"]), fit)
        assert table.columns[1:].tolist() == table.iloc[:, 0].tolist() == ["GENE1", "GENE2"]

    def test_pairs(self, fit: Fit) -> None:
        pairs = pd.DataFrame({"first": ["GENE1"], "second": ["GENE2"], "r": [0.5]})
        table = self.csv(pairs.set_index(["first", "second"]), fit)
        assert table.columns.tolist() == ["first", "second", "first_id", "second_id", "r"]
        assert table.iloc[0, 2:4].tolist() == IDS[1:3]

    def test_columns(self, fit: Fit) -> None:
        table = self.csv(pd.DataFrame({"gene_1": ["GENE1"], "gene_2": [TWIN]}), fit)
        assert table.iloc[0, 1:].tolist() == ["GENE1", IDS[1], TWIN, IDS[7]]

    def test_genes_beside_factors(self, fit: Fit) -> None:
        index = pd.MultiIndex.from_tuples(
            [("factor", "GENE1"), ("gene", "GENE1")], names=["kind", "name"]
        )
        table = self.csv(pd.DataFrame({"effect": [1.0, 2.0]}, index=index), fit)
        assert table["id"].fillna("").tolist() == ["", IDS[1]]

    def test_what_is_not_of_genes_is_left_alone(self, fit: Fit) -> None:
        cells = pd.DataFrame({"x": [1.0]}, index=pd.Index(["cell1"], name="cell"))
        assert self.csv(cells, fit).columns.tolist() == ["cell", "x"]
        loadings = summaries.loadings(make_fit())
        pd.testing.assert_frame_equal(summaries.with_ids(loadings, make_fit()), loadings)


class TestTwoRuns:
    """A run that names genes by ids beside a run that names them by symbols."""

    def test_the_other_takes_the_names_of_the_first(self, fit: Fit) -> None:
        old = by_ids(make_fit(seed=1))
        named = summaries.named_as(old, fit)
        assert named.genes.tolist() == fit.genes.tolist()
        assert summaries.common_genes(fit, old).equals(fit.genes[fit.is_gene])
        pairs = summaries.changed_pairs(fit, old, n=3)
        assert set(pairs["first"]) <= set(fit.genes)
        assert summaries.match(fit, old).genes == 60
        expected = summaries.loading_cosines(make_fit(), make_fit(seed=1))
        pd.testing.assert_frame_equal(summaries.loading_cosines(fit, old), expected)

    def test_one_symbol_for_two_genes(self, fit: Fit) -> None:
        names = ["GENE3", *fit.genes[1:]]
        ids = ["ENSG99", *IDS[1:]]
        names[3] = "other"
        other = replace(make_fit(), genes=pd.Index(names), gene_ids=pd.Index(ids))
        named = summaries.named_as(other, fit)
        assert named.genes[3] == "GENE3"
        assert named.genes[0] == "GENE3 (ENSG99)"
