"""The Groups tab: one group of cells against another."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import dashboard.cards.groups.group_differences as differences_card
from dashboard import figures
from dashboard.browser import Browser
from dashboard.cards.groups.tab import GroupsTab
from dashboard.cards.groups.tab_choices import NOBODY, SELECTED
from dashboard.plots.volcano import COUNTS, RATE, Volcano
from dashboard.state import AppState
from engine.comparing import Differences
from engine.errors import ConfigError
from engine.lnm.design import Design
from tests.dashboard.synthetic import make_fit
from tests.dashboard.test_coefficients import with_covariates
from tests.waiting import wait_for


@pytest.fixture
def state() -> AppState:
    return AppState(fit=with_covariates(make_fit()), tab="groups")


def text_of(card: Any) -> str:
    return str(card._message.object)


def made(lfsr: float) -> Differences:
    """Differences of two genes."""
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
def requests(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments of each call of `engine.differences`, which is replaced."""
    requests: list[dict[str, Any]] = []

    def differences(_fit: object, counts: Any, a: Any, b: Any, **how: Any) -> Differences:
        requests.append({"counts": counts, "a": a, "b": b, **how})
        if how["donor"]:
            raise ConfigError("three donors", "two", "Take cells as the unit.")
        return made(0.001 if not how["data_driven"] else np.nan)

    monkeypatch.setattr(differences_card, "differences", differences)
    return requests


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def card(state: AppState, browser: Browser, requests: list[dict[str, Any]]) -> Any:
    fit = state.fit
    assert fit is not None
    state.fit_counts = sparse.csc_matrix(np.ones((len(fit.cells), len(fit.genes)), np.float32))
    return GroupsTab(state, browser)["differences"]


def answer(browser: Browser, label: str, origin: str) -> None:
    browser._handle_msg({"act": "origin", "value": json.dumps([label, origin])})


def test_levels_of_a_label_are_compared_without_errors_unless_it_is_from_elsewhere(
    state: AppState, browser: Browser, card: Any, requests: list[dict[str, Any]]
) -> None:
    assert card.result is None
    assert "press Compare" in text_of(card)
    controls = card.controls
    controls.one.value = "=T cell"
    controls.ask()
    # once for each label
    assert "Where does <b>cell_type</b> come from?" in text_of(card)
    answer(browser, "donor", "elsewhere")
    answer(browser, "cell_type", "nowhere")
    assert not requests
    answer(browser, "cell_type", "here")
    wait_for(lambda: card.result is not None)
    fit = state.fit
    assert fit is not None
    assert requests[-1]["data_driven"]
    assert (requests[-1]["b"] == ~requests[-1]["a"]).all()
    assert (requests[-1]["a"] == (fit.obs["cell_type"] == "T cell").to_numpy()).all()
    assert card.plot.figure.yaxis.axis_label == COUNTS
    groups = "cell_type T cell against other than cell_type T cell"
    assert card.summary == f"{groups}: 20 and 280 cells. A note."

    controls.external.value = True
    controls.other.value = "=monocyte"
    assert len(requests) == 1
    controls.ask()
    wait_for(lambda: len(requests) == 2 and card.result is not None)
    assert not requests[-1]["data_driven"]
    assert card.plot.figure.yaxis.axis_label == RATE
    taken = card.offer()
    assert (taken.title, taken.of) == ("A against B", fit)
    row = taken.table().iloc[0]
    expected = ["cell_type T cell", "cell_type monocyte", "cell"]
    assert row[["group", "against", "unit"]].tolist() == expected


def test_selected_cells_are_a_group_that_nothing_is_tested_of(
    state: AppState, card: Any, requests: list[dict[str, Any]]
) -> None:
    select(state, ())
    card.controls.label.value = SELECTED
    assert card.controls.external.disabled
    card.controls.ask()
    wait_for(lambda: card.result is not None)
    assert requests[-1]["data_driven"]
    assert requests[-1]["a"].sum() == 20
    assert "split the counts: a switch under Model." in card.summary


def select(state: AppState, led_by: tuple[str, ...] | None) -> None:
    fit = state.fit
    assert fit is not None
    state.select(np.arange(len(fit.cells)) < 20, led_by=led_by)


class OtherHalf:
    """Stands in for the jobs: gives the half of the counts that a run is not fitted to."""

    services = jobs = property(lambda self: self)

    def other_half(self, run: str) -> sparse.csr_matrix:
        assert run == "split"
        return sparse.csr_matrix(np.full((300, 61), 2.0, np.float32))


def test_drawn_cells_of_split_counts_are_tested_in_the_other_half(
    state: AppState, browser: Browser, card: Any, requests: list[dict[str, Any]]
) -> None:
    fit = state.fit
    assert fit is not None
    card.runner = OtherHalf()
    state.param.update(fit=fit.changed(data={"split": True}), run="split")
    select(state, ())
    card.controls.label.value = SELECTED
    card.controls.ask()
    wait_for(lambda: card.result is not None)
    assert not requests[-1]["data_driven"]
    assert (requests[-1]["counts"].block(0, 9) == 2).all()
    assert "more than counting noise in these cells." in card.summary

    # the label that coloured the map may come from both halves
    select(state, ("cell_type",))
    card.controls.ask()
    assert "Where does <b>cell_type</b> come from?" in text_of(card)
    answer(browser, "cell_type", "here")
    wait_for(lambda: len(requests) == 2 and card.result is not None)
    assert requests[-1]["data_driven"]

    select(state, None)
    card.controls.ask()
    wait_for(lambda: len(requests) == 3 and card.result is not None)
    assert requests[-1]["data_driven"]
    assert "draw them again" in card.summary


def test_what_the_engine_refuses_is_said_in_its_words(
    state: AppState, card: Any, requests: list[dict[str, Any]]
) -> None:
    fit = state.fit
    assert fit is not None
    state.fit = fit.changed(obs=fit.obs.assign(donor=pd.Categorical(["a", "b"] * 150)))
    card.controls.donor.value = "=donor"
    card.controls.external.value = True
    card.controls.ask()
    wait_for(lambda: card.result is not None)
    assert "Take cells as the unit." in text_of(card)
    assert card.offer() is None


def test_a_click_near_a_point_chooses_its_gene() -> None:
    genes: list[str] = []
    plot = Volcano()
    plot.on_gene(genes.append)
    plot.show(made(0.001).genes, "difference", "A − B")
    assert plot._at(1.0, 3.0) == "GENE1"
    assert plot._at(0.2, 3.0) is None
    plot.clear()
    assert plot._at(1.0, 3.0) is None


def test_on_paper_the_first_genes_are_named() -> None:
    figure = figures.volcano(made(0.001).genes, "difference", title="x", xlabel="A − B")
    assert {text.get_text() for text in figure.axes[0].texts} >= {"GENE1", "GENE2"}


def test_levels_and_columns_may_be_called_as_the_page_calls_other_things(
    state: AppState, card: Any, requests: list[dict[str, Any]]
) -> None:
    fit = state.fit
    assert fit is not None
    odd = ["none", "the rest", "cells"]
    treat = pd.Categorical([odd[j % 3] for j in range(300)])
    obs = fit.obs.assign(none=treat, cells=treat, **{"selected cells": treat})
    state.fit = fit = fit.changed(obs=obs)
    select(state, ())
    controls = card.controls
    words = {key: said for said, key in controls.label.options.items()}
    assert (words["=selected cells"], words[SELECTED]) == ("selected cells", "(selected cells)")
    card.choices.origins = dict.fromkeys(obs.columns, True)
    for label in ("none", "cells", "selected cells"):
        controls.label.value = f"={label}"
        for one, other in itertools.permutations(odd, 2):
            controls.one.value, controls.other.value = f"={one}", f"={other}"
            controls.ask()
            assert (controls.one.value, controls.other.value) == (f"={one}", f"={other}")
            comparison = card.choices.comparison
            assert (comparison.label, comparison.one, comparison.other) == (label, one, other)
            assert (comparison.masks[1] == (treat == other)).all()
    units = {key: said for said, key in controls.donor.options.items()}
    assert (units["=cells"], units[NOBODY]) == ("cells", "(cells)")


def test_cells_without_a_value_of_the_label_are_in_no_group(
    state: AppState, card: Any, requests: list[dict[str, Any]]
) -> None:
    fit = state.fit
    assert fit is not None
    label = ["a", "nan", None] * 100
    state.fit = fit.changed(obs=fit.obs.assign(treat=label))
    card.choices.origins = {"treat": True}
    card.controls.label.value = "=treat"
    card.controls.one.value = "=a"
    card.controls.ask()
    wait_for(lambda: card.result is not None)
    assert [int(requests[-1][side].sum()) for side in "ab"] == [100, 100]
    assert "100 cells without a value of treat are left out." in card.summary


def test_donors_are_the_unit_where_the_fit_has_an_effect_of_each(state: AppState) -> None:
    fit = state.fit
    assert fit is not None
    obs = fit.obs.assign(donor=pd.Categorical([f"d{j % 5}" for j in range(300)]))
    design = Design.of("~ cell_type + (1 | donor)", obs)
    zeros = np.zeros((len(fit.genes), len(design.columns)))
    state.fit_counts = sparse.csc_matrix(np.ones((len(fit.cells), len(fit.genes)), np.float32))
    state.fit = fit.changed(obs=obs, design=design, effects=zeros)
    assert state.fit.groupings == ("donor",)
    controls = GroupsTab(state, Browser())["differences"].controls
    assert controls.donor.value == "=donor"
    controls.donor.value = NOBODY
    controls.offer()
    assert controls.donor.value == NOBODY
