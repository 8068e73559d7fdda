from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dashboard.actions import cells_with_label, connect
from dashboard.browser import Browser
from dashboard.state import CAPTURE, CLR, FACTOR, AppState
from tests.dashboard.synthetic import make_fit


@pytest.fixture
def browser(state: AppState) -> Browser:
    made = Browser()
    connect(made, state)
    state.show_fit(make_fit(factors=4))
    return made


def press(browser: Browser, act: str, value: str = "") -> None:
    browser._handle_msg({"act": act, "value": value})


class TestKeys:
    @pytest.fixture(autouse=True)
    def _explore(self, state: AppState) -> None:
        state.tab = "explore"

    def test_arrows_step_factors_around(self, state: AppState, browser: Browser) -> None:
        factors = []
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowLeft"):
            press(browser, "key", key)
            factors.append(state.factor)
        assert factors == [0, 1, 0, 3, 2]
        assert (state.colour, state.heat) == (FACTOR, "factor")

    def test_escape_clears_the_cells_only(self, state: AppState, browser: Browser) -> None:
        state.select(np.arange(300) < 5)
        state.choose_factor(2)
        press(browser, "key", "Escape")
        assert state.selected is None
        assert state.factor == 2

    def test_nothing_steps_on_another_tab(self, state: AppState, browser: Browser) -> None:
        state.tab = "data"
        press(browser, "key", "ArrowRight")
        assert state.factor is None


def test_buttons_choose_and_clear(state: AppState, browser: Browser) -> None:
    press(browser, "gene", "GENE3")
    press(browser, "near", "GENE4")
    assert (state.marked, state.heat, state.detail) == (("GENE4", "GENE3"), "gene", "gene")
    press(browser, "colour", f"{CLR}GENE3")
    assert state.colour == f"{CLR}GENE3"
    press(browser, "pair", json.dumps(["GENE1", "GENE2"]))
    assert (state.pair, state.detail) == (("GENE1", "GENE2"), "pair")
    press(browser, "clear", "pair")
    assert (state.pair, state.detail) == (None, "gene")
    press(browser, "drop-gene", "GENE3")
    assert state.marked == ("GENE4",)
    assert state.colour != f"{CLR}GENE3"
    press(browser, "clear", "genes")
    assert (state.marked, state.heat) == ((), "top")
    press(browser, "factor", "2")
    assert state.factor == 2
    press(browser, "clear", "factor")
    assert (state.factor, state.heat) == (None, "top")
    assert state.colour != FACTOR


def test_a_label_selects_its_cells(state: AppState, browser: Browser) -> None:
    press(browser, "label", json.dumps(["cell_type", "T cell"]))
    assert state.fit is not None
    np.testing.assert_array_equal(state.selected, state.fit.obs["cell_type"] == "T cell")
    assert state.detail == "cells"
    press(browser, "clear", "cells")
    assert state.selected is None


def test_cells_without_a_label_and_labels_that_are_numbers() -> None:
    labels = pd.Series([1, 2, None, 1])
    assert list(cells_with_label(labels, "1.0")) == [True, False, False, True]
    assert list(cells_with_label(labels, "missing")) == [False, False, True, False]
    assert not cells_with_label(labels, "3").any()


@pytest.mark.parametrize(
    ("act", "value"),
    [
        ("gene", "NOT A GENE"),
        ("gene", "_other"),
        ("factor", "99"),
        ("factor", "-1"),
        ("factor", "²"),
        ("factor", "9" * 5000),
        ("colour", "label:gone"),
        ("pair", "not json"),
        ("pair", '["GENE1"]'),
        ("pair", '["GENE1", 2]'),
        ("label", '["gone", "T cell"]'),
        ("clear", "everything"),
        ("key", "Delete"),
        ("unheard", "of"),
    ],
)
def test_a_forged_message_changes_nothing(
    state: AppState, browser: Browser, act: str, value: str
) -> None:
    before = state.param.values()
    press(browser, act, value)
    browser._handle_msg({"act": act, "value": 3})
    browser._handle_msg("rubbish")
    assert {k: v for k, v in state.param.values().items() if v is not before[k]} == {}


def test_a_capture_colour_is_kept_when_a_factor_is_let_go(state: AppState) -> None:
    state.show_fit(make_fit())
    state.choose_factor(1)
    state.colour = CAPTURE
    state.choose_factor(None)
    assert state.colour == CAPTURE
