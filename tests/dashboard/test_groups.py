"""The Groups tab: effects of covariates, and one group of cells against another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from param.parameterized import resolve_value
from scipy import sparse

import dashboard.cards.groups.group_differences as differences_card
from dashboard import figures
from dashboard.browser import Browser
from dashboard.cards.groups.tab import GroupsTab
from dashboard.plots.volcano import COUNTS, RATE, Volcano
from dashboard.state import AppState
from engine.comparing import Differences
from engine.errors import ConfigError
from engine.fitting.estimates import Estimates
from engine.lnm.design import Design
from engine.results import Fit
from tests.dashboard.synthetic import make_fit
from tests.waiting import wait_for


def with_covariates(fit: Fit) -> Fit:
    """The fit, of which GENE3 is raised in both levels against the first."""
    design = Design.of("~ cell_type", fit.obs)
    effects = np.zeros((len(fit.genes), len(design.columns)))
    effects[3] = 2.0
    error = np.full(len(fit.genes), 0.1)
    found = tuple(Estimates(column, error, np.inf) for column in effects.T)
    return fit.changed(design=design, effects=effects, coefficients=found, units=("cell",) * 2)


@pytest.fixture
def state() -> AppState:
    return AppState(fit=with_covariates(make_fit()), tab="groups")


def text_of(card: Any) -> str:
    return str(card._message.object)


def test_effects_of_each_covariate_are_shown_and_a_gene_is_chosen(state: AppState) -> None:
    card = GroupsTab(state, Browser())["covariates"]
    wait_for(lambda: card.result is not None)
    assert card.column.options == ["cell_type[T cell]", "cell_type[monocyte]"]
    assert card.table.widget.value.iloc[0, 0] == "GENE3"
    card._choose([0])
    assert state.marked[0] == "GENE3"
    assert len(card.plot._rings.data["x"]) == 1

    card.column.value = "cell_type[monocyte]"
    assert card.plot.figure.xaxis.axis_label.endswith("cell_type[monocyte]")
    export = card.offer()
    table = export.table()
    assert set(table.index.get_level_values("column")) == set(card.column.options)
    assert export.draw().axes[0].get_title("left") == "cell_type[monocyte]"


def test_what_was_taken_for_granted_of_covariates_is_told(state: AppState) -> None:
    fit = state.fit
    assert fit is not None
    card = GroupsTab(state, Browser())["covariates"]
    assert "Right: more" in resolve_value(card.head).how
    state.fit = fit.changed(data={"report": {"warnings": ["dose has 3 whole numbers <b>."]}})
    assert "dose has 3 whole numbers &lt;b&gt;." in resolve_value(card.head).how


def test_a_fit_without_covariates_says_how_to_have_some(state: AppState) -> None:
    state.fit = make_fit()
    card = GroupsTab(state, Browser())["covariates"]
    assert card.result is None
    assert card.offer() is None
    assert card.column.disabled


def made(lfsr: float) -> Differences:
    """Of two genes."""
    genes = pd.DataFrame(
        {
            "gene": ["GENE1", "GENE2"],
            "difference": [1.0, -0.5],
            "shrunken": [0.9, -0.4],
            "lfsr": [lfsr, lfsr],
            **{name: [0.5, 0.2] for name in ("expressed_a", "expressed_b")},
            **{name: [3.0, 1.0] for name in ("per_10k_a", "per_10k_b")},
        }
    )
    return Differences(genes, pd.DataFrame(), "cell", 20, 280, ("A note.",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the engine was asked to compare."""
    found: list[dict[str, Any]] = []

    def differences(_fit: object, counts: Any, a: Any, b: Any, **how: Any) -> Differences:
        found.append({"a": a, "b": b, **how})
        if how["donor"]:
            raise ConfigError("three donors", "two", "Take cells as the unit.")
        return made(0.001 if not how["chosen"] else np.nan)

    monkeypatch.setattr(differences_card, "differences", differences)
    return found


@pytest.fixture
def card(state: AppState, asked: list[dict[str, Any]]) -> Any:
    fit = state.fit
    assert fit is not None
    state.fit_counts = sparse.csc_matrix(np.ones((len(fit.cells), len(fit.genes)), np.float32))
    return GroupsTab(state, Browser())["differences"]


def test_levels_of_a_label_are_compared_without_errors_unless_it_is_from_elsewhere(
    state: AppState, card: Any, asked: list[dict[str, Any]]
) -> None:
    assert card.result is None
    assert "press Compare" in text_of(card)
    card.one.value = "T cell"
    card._ask(None)
    wait_for(lambda: card.result is not None)
    fit = state.fit
    assert fit is not None
    assert asked[-1]["chosen"]
    assert asked[-1]["b"] is None
    assert (asked[-1]["a"] == (fit.obs["cell_type"] == "T cell").to_numpy()).all()
    assert card.plot.figure.yaxis.axis_label == COUNTS
    assert card.told == "20 and 280 cells. A note."

    card.external.value = True
    card.other.value = "monocyte"
    assert len(asked) == 1
    card._ask(None)
    wait_for(lambda: len(asked) == 2 and card.result is not None)
    assert not asked[-1]["chosen"]
    assert card.plot.figure.yaxis.axis_label == RATE
    assert card.offer().title == "A against B"


def test_selected_cells_are_a_group_that_nothing_is_tested_of(
    state: AppState, card: Any, asked: list[dict[str, Any]]
) -> None:
    fit = state.fit
    assert fit is not None
    state.selected = np.arange(len(fit.cells)) < 20
    card.external.value = True
    card.label.value = differences_card.SELECTED
    assert card.external.disabled
    card._ask(None)
    wait_for(lambda: card.result is not None)
    assert asked[-1]["chosen"]
    assert asked[-1]["a"].sum() == 20


def test_what_the_engine_refuses_is_said_in_its_words(
    state: AppState, card: Any, asked: list[dict[str, Any]]
) -> None:
    fit = state.fit
    assert fit is not None
    state.fit = fit.changed(obs=fit.obs.assign(donor=pd.Categorical(["a", "b"] * 150)))
    card.donor.value = "donor"
    card._ask(None)
    wait_for(lambda: card.result is not None)
    assert "Take cells as the unit." in text_of(card)
    assert card.offer() is None


def test_a_click_near_a_point_chooses_its_gene() -> None:
    chosen: list[str] = []
    plot = Volcano()
    plot.on_gene(chosen.append)
    plot.show(made(0.001).genes, "difference", "A − B")
    assert plot._at(1.0, 3.0) == "GENE1"
    assert plot._at(0.2, 3.0) is None
    plot.clear()
    assert plot._at(1.0, 3.0) is None


def test_on_paper_the_first_genes_are_named() -> None:
    figure = figures.volcano(made(0.001).genes, "difference", title="x", xlabel="A − B")
    assert {text.get_text() for text in figure.axes[0].texts} >= {"GENE1", "GENE2"}
