"""Covariates of the next fit: chips, menu and formula in step."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import panel_material_ui as pmui
import pytest

from dashboard.actions import connect
from dashboard.browser import Browser
from dashboard.controls.covariate_chips import CovariatesControl
from dashboard.controls.model_form import ModelControl, said_of
from dashboard.formula_edits import can_add, unused
from dashboard.model_settings import parameters
from dashboard.state import AppState
from engine.lnm.config import LNMConfig
from tests.dashboard.synthetic import make_counts
from tests.dashboard.widgets import find


@pytest.fixture
def browser(state: AppState) -> Browser:
    counts = make_counts()
    obs = counts.obs.assign(
        donor=[f"d{j % 4}" for j in range(40)],
        age=np.arange(40) / 3,
        rare=pd.Categorical(["x"] + ["y"] * 39),
    )
    state.counts = dataclasses.replace(counts, obs=obs)
    made = Browser()
    connect(made, state)
    return made


@pytest.fixture
def control(state: AppState, browser: Browser) -> CovariatesControl:
    return CovariatesControl(state, "formula", LNMConfig.settings()["formula"])


def press(browser: Browser, act: str, value: str) -> None:
    browser._handle_msg({"act": f"covariate-{act}", "value": value})


def shown(control: CovariatesControl) -> str:
    _, chips, whole, _ = control.column
    return f"{chips.object}{whole.object}"


def test_the_menu_adds_and_chips_change_the_formula(
    state: AppState, browser: Browser, control: CovariatesControl
) -> None:
    words = {name: words for words, name in control.menu.options.items()}
    assert words["cell_type"] == "cell_type · 2 levels"
    assert words["age"] == "age · number"
    assert words["rare"].startswith("rare · no: 1 cell of 'x'")
    assert control.menu.disabled_options == ["rare"]
    for name in ("cell_type", "donor", "age"):
        control.menu.value = name
        assert control.menu.value == ""
    assert state.formula == "~ cell_type + donor + age"
    press(browser, "turn", "donor")
    press(browser, "slope", json.dumps(["donor", "age"]))
    assert state.formula == "~ cell_type + (age | donor) + age"
    assert control.field.value == state.formula
    assert 'aria-pressed="true"' in shown(control)
    # a slope goes with its fixed effect
    press(browser, "drop", "age")
    assert state.formula == "~ cell_type + (1 | donor)"
    press(browser, "turn", "donor")
    press(browser, "drop", "cell_type")
    press(browser, "drop", "donor")
    assert state.formula is None
    assert shown(control) == ""


@pytest.mark.parametrize("value", ["gone", "rare + age", "", '["donor"]', "null"])
def test_what_a_browser_makes_up_changes_nothing(
    state: AppState, browser: Browser, value: str
) -> None:
    state.formula = "~ age + (1 | donor)"
    for act in ("add", "drop", "turn", "slope"):
        press(browser, act, value)
    press(browser, "slope", json.dumps(["donor", "cell_type"]))
    press(browser, "slope", json.dumps(["age", "age"]))
    assert state.formula == "~ age + (1 | donor)"


def test_a_formula_that_is_typed_is_shown_as_chips_or_as_it_is(
    state: AppState, control: CovariatesControl
) -> None:
    control.field.value = "~ age + (1 | donor)"
    assert "Differs by donor:" in shown(control)
    control.field.value = "~ cell_type:age"
    assert "Chips cannot show this formula" in shown(control)
    assert state.config().formula == "~ cell_type:age"


def test_no_slope_is_offered_of_what_is_the_same_in_all_cells_of_a_donor(
    state: AppState, control: CovariatesControl
) -> None:
    control.field.value = "~ cell_type + (1 | donor)"
    assert "donor" in shown(control)
    assert "Differs by donor:" not in shown(control)
    # a typed one is shown with the reason against it, and can be removed
    control.field.value = "~ cell_type + (cell_type | donor)"
    assert 'aria-pressed="true"' in shown(control)
    assert "cell_type, which is the same in all cells of each donor" in shown(control)


def test_a_refusal_is_seen_at_its_chip_before_the_fit(
    state: AppState, control: CovariatesControl
) -> None:
    control.field.value = "~ age + rare"
    before, _, at = shown(control).partition('<li class="wrong">')
    assert "age" in before
    assert "at least 10 cells of each level of rare" in at
    control.field.value = "~ age +"
    assert "a formula of columns like" in shown(control)
    state.counts = None
    assert "role" not in shown(control)


def test_cells_that_a_covariate_leaves_out_have_a_line(
    state: AppState, control: CovariatesControl
) -> None:
    counts = state.counts
    assert counts is not None
    gaps = counts.obs["cell_type"].where(np.arange(40) > 4)
    obs = counts.obs.assign(gaps=gaps).rename(columns={"rare": "a|b"})
    state.counts = dataclasses.replace(counts, obs=obs)
    control.field.value = "~ gaps"
    assert ">2 levels</span>" in shown(control)
    assert "<p>5 cells without it are left out.</p>" in shown(control)
    words = {name: words for words, name in control.menu.options.items()}
    assert words["gaps"] == "gaps · 2 levels, 5 cells without it are left out"
    assert words["a|b"] == "a|b · no: has | in its name"


def test_a_formula_from_elsewhere_unfolds_the_settings(state: AppState, browser: Browser) -> None:
    control = ModelControl(state)
    assert not control._fold.active
    state.formula = "~ age"
    assert control._fold.active == [0]
    assert "~ age" in said_of(state)
    assert find(control, pmui.TextInput, "As a formula").value == "~ age"
    assert unused(state) == ""
    state.model = "lda"
    assert "~ age" not in said_of(state)


def test_a_formula_that_a_model_does_not_take_is_told_and_kept(
    state: AppState, browser: Browser
) -> None:
    control = ModelControl(state)
    state.formula = "~ age"
    note = control._panel[2]
    assert note.object == ""
    state.model = "lda"
    assert "LDA takes no covariates: the next fit is without ~ age, which is kept" in note.object
    assert state.formula == "~ age"
    state.model = "lnm"
    assert note.object == ""
    assert state.config().formula == "~ age"
    state.param.update({parameters("lnm")["inference"]: "vae"})
    assert note.object == ""
    assert state.config().formula == "~ age"


def test_a_label_is_taken_by_a_model_that_can(state: AppState, browser: Browser) -> None:
    state.model = "lda"
    assert can_add(state, "donor")
    press(browser, "add", "donor")
    assert state.config() == LNMConfig(capture=True, n_factors=3, formula="~ donor")
    assert not can_add(state, "donor")
    assert not can_add(state, "gone")
    state.formula = "~ donor:age"
    press(browser, "add", "cell_type")
    assert state.formula == "~ donor:age + cell_type"
