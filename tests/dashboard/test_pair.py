from __future__ import annotations

from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest
from scipy import sparse

from dashboard import html
from dashboard.cards.explore import gene_pair as module
from dashboard.cards.explore.gene_pair import PairView, sample
from dashboard.cards.uncertainty import interval, pair_uncertainty
from dashboard.state import AppState
from engine import summaries
from engine.checks import ResidualStructure, with_structure
from tests.dashboard.synthetic import at_bound, make_fit
from tests.dashboard.test_uncertainty import make_uncertainty

GENES = ("GENE1", "GENE2")


@pytest.fixture
def view(state: AppState) -> PairView:
    return PairView(state)


def words(view: PairView) -> str:
    return " ".join(str(p.object) for p in view.__panel__().select(pn.pane.HTML) if p.visible)


def drawn(view: PairView) -> dict[str, Any]:
    return dict(view.plot.points.source.data)


def counts(cells: int) -> sparse.csc_matrix:
    rng = np.random.default_rng(1)
    return sparse.csc_matrix(rng.poisson(2.0, (cells, 61)).astype(np.float32))


def test_says_what_to_do(state: AppState, view: PairView) -> None:
    state.show_fit(make_fit())
    state.detail = "pair"
    assert "Click a cell of the heatmap" in words(view)
    state.choose_pair(*GENES)
    assert "Click a cell" not in words(view)


def test_genes_at_the_limit_of_d_are_named(state: AppState, view: PairView) -> None:
    state.show_fit(at_bound(make_fit(), "GENE2"))
    state.choose_pair(*GENES)
    assert "Do not rely on it: d of GENE2 is at its limit." in words(view)
    state.choose_pair("GENE3", "GENE4")
    assert "Do not rely" not in words(view)


def test_shows_the_pair_with_and_without_counts(state: AppState, view: PairView) -> None:
    fit = make_fit(cells=40)
    state.show_fit(fit)
    state.choose_pair(*GENES)
    for matrix, title in (
        (None, "GENE1 CLR (nats; factors only)"),
        (counts(40), "GENE1 CLR (nats)"),
    ):
        state.fit_counts = matrix
        expected = summaries.cell_clr(fit, GENES, counts=matrix)
        shown = drawn(view)
        np.testing.assert_allclose(
            np.c_[shown["x"], shown["y"]], expected.loc[list(shown["cell"])], rtol=1e-6
        )
        assert view.plot.figure.xaxis.axis_label == title
    r = summaries.clr_correlation(fit, GENES).iloc[0, 1]
    alone = round(summaries.closure_correlation(fit, GENES).iloc[0, 1], 2) + 0.0
    line = f"Model: r = {r:.2f} (by closure alone {alone:.2f})"
    assert line.replace("-", "−") in words(view)
    assert 'data-value="["GENE2", "GENE1"]"' in unescape(words(view))


def test_tells_the_interval_by_itself_and_given_all_pairs(state: AppState, view: PairView) -> None:
    fit = make_fit(cells=40)
    state.show_fit(fit)
    state.choose_pair(*GENES)
    assert "90 %" not in words(view)
    sure = make_uncertainty(fit)
    state.uncertainty = sure
    own = {k: v[0, 1] for k, v in pair_uncertainty(fit, sure, GENES).items()}  # type: ignore[union-attr]
    shown = words(view)
    assert f", 90 % {interval(own['low'], own['high'])} (by closure" in shown
    given_all = f"given all other pairs {html.number(own['shrunken'], 2)}, 90 %"
    assert f"{given_all} {interval(own['shrunken_low'], own['shrunken_high'])};" in shown
    # What is shrunk to nothing is not known to be nothing.
    state.uncertainty = make_uncertainty(fit, scale=1e4)
    assert "given all other pairs it cannot be told from zero; false sign" in words(view)


def test_says_that_factors_miss_something(state: AppState, view: PairView) -> None:
    """Before intervals are asked for, too."""
    fit = make_fit(cells=40)
    missed = ResidualStructure(3, 40, 9.0, 1.0, 0.1, ("GENE5",), ())
    state.show_fit(with_structure(fit, missed))
    state.choose_pair(*GENES)
    assert "Factors miss something, which may be of this pair." in words(view)
    pairs = replace(missed, largest=1.0, pairs=(("GENE2", "GENE1"),))
    state.uncertainty = replace(make_uncertainty(fit), structure=pairs)
    assert "Factors miss this pair: what is told of it does not hold." in words(view)
    state.choose_pair("GENE3", "GENE4")
    assert "Factors miss" not in words(view)


def test_selected_cells_stand_out_and_have_an_r_of_their_own(
    state: AppState, view: PairView
) -> None:
    fit = make_fit(cells=40)
    state.show_fit(fit)
    state.choose_pair(*GENES)
    state.select(np.arange(40) < 15)
    state.detail = "pair"
    coloured = drawn(view)["cell"][drawn(view)["colour"][:, 3] > 0]
    assert set(coloured) == set(fit.cells[:15])
    values = summaries.cell_clr(fit, GENES).to_numpy(float)[:15]
    r = f"{np.corrcoef(values.T)[0, 1]:.2f}".replace("-", "−")
    assert f"15 selected cells: r = {r}" in words(view)
    state.select(np.arange(40) < 1)
    state.detail = "pair"
    assert "selected cells" not in words(view)


def test_nothing_is_computed_while_it_is_hidden(
    state: AppState, view: PairView, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = summaries.cell_clr

    def cell_clr(*arguments: Any, **named: Any) -> Any:
        calls.append(named)
        return real(*arguments, **named)

    monkeypatch.setattr(module.summaries, "cell_clr", cell_clr)
    state.show_fit(make_fit(cells=40))
    state.choose_pair(*GENES)
    state.detail = "gene"
    assert len(calls) == 1
    state.param.update(pair=("GENE3", "GENE4"), factor=2)
    state.show_fit(make_fit(cells=40, seed=2))
    assert len(calls) == 1
    state.detail = "pair"
    assert len(calls) == 2
    assert view.plot.figure.xaxis.axis_label.startswith("GENE3")
    # nor anew where only colours change
    state.choose_factor(3)
    assert len(calls) == 2


def test_error_bars_of_selected_cells_first(
    state: AppState, view: PairView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BARS", 10)
    fit = make_fit(cells=40)
    state.show_fit(fit)
    state.choose_pair(*GENES)
    state.select(np.arange(40) >= 30)
    state.detail = "pair"
    assert not len(view.plot.bars.source.data["x0"])
    (switch,) = view.__panel__().select(pmui.Switch)
    switch.value = True
    bars = view.plot.bars.source.data
    glyph = view.plot.figure.renderers[0].glyph
    assert [glyph.x0, glyph.x1, glyph.y0, glyph.y1] == ["x0", "x1", "y0", "y1"]
    values = summaries.cell_clr(fit, GENES).to_numpy()[30:]
    sd = summaries.cell_clr_sd(fit, GENES).to_numpy()[30:]
    np.testing.assert_allclose(bars["x0"][:10], values[:, 0] - sd[:, 0], rtol=1e-5)
    np.testing.assert_allclose(bars["y1"][10:], values[:, 1] + sd[:, 1], rtol=1e-5)
    np.testing.assert_allclose(bars["x0"][10:], values[:, 0], rtol=1e-5)
    state.fit_counts = counts(40)
    assert view.plot.bars.source.data["x1"][0] != bars["x1"][0]
    switch.value = False
    assert not len(view.plot.bars.source.data["x0"])


def test_many_cells_are_sampled(
    state: AppState, view: PairView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 30)
    fit = make_fit(cells=200)
    state.show_fit(fit)
    state.select(np.arange(200) >= 190)
    state.choose_pair(*GENES)
    names = set(drawn(view)["cell"])
    assert len(names) == 30
    assert names >= set(fit.cells[190:])
    assert "30 of 200 cells drawn" in words(view)
    monkeypatch.setattr(module, "MOST_ELEMENTS", 61 * 20)
    state.fit_counts = counts(200)
    assert len(drawn(view)["cell"]) == 20


def test_export_gives_what_is_shown(state: AppState, view: PairView) -> None:
    assert view.export() is None
    fit = make_fit(cells=40)
    state.show_fit(fit)
    state.choose_pair(*GENES)
    export = view.export()
    assert export is not None
    state.choose_pair("GENE5", "GENE6")
    table = export.table()
    assert list(table.columns[:2]) == [
        "GENE1 CLR (nats; factors only)",
        "GENE2 CLR (nats; factors only)",
    ]
    np.testing.assert_allclose(
        table.to_numpy()[:, :2].astype(float), summaries.cell_clr(fit, GENES), rtol=1e-5
    )
    assert export.draw().get_axes()


def test_a_sample_is_the_same_each_time_and_takes_selected_cells_first() -> None:
    selected = np.zeros(1000, bool)
    selected[[3, 500, 999]] = True
    first = sample(1000, selected, 50)
    np.testing.assert_array_equal(first, sample(1000, selected, 50))
    assert len(np.unique(first)) == 50
    assert {3, 500, 999} <= set(first)
    assert set(sample(1000, ~selected, 50)).isdisjoint({3, 500, 999})
    np.testing.assert_array_equal(sample(7, None, 50), np.arange(7))
