"""Actions of keys and of buttons in plain HTML."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from dashboard import formula_edits
from dashboard.browser import Browser
from dashboard.state import REPLICATES, AppState
from dashboard.tab_names import tab_names

SEARCH = "Find a gene"
STEPS = {"ArrowRight": 1, "ArrowDown": 1, "ArrowLeft": -1, "ArrowUp": -1}
MISSING = "missing"


def connect(browser: Browser, state: AppState) -> None:
    """Let the buttons of the page's HTML act on the state."""
    browser.on("gene", state.choose_gene)
    browser.on("near", lambda gene: state.choose_gene(gene, near=True))
    browser.on("drop-gene", state.drop_gene)
    browser.on("factor", lambda text: _choose_factor(state, text))
    browser.on("colour", lambda key: _choose_colour(state, key))
    browser.on("pair", lambda text: _choose_pair(state, text))
    browser.on("label", lambda text: _select_label(state, text))
    browser.on("uncertainty", lambda text: _work_out_uncertainty(state, text))
    browser.on("tab", lambda name: _turn(state, name))
    browser.on("clear", lambda what: clear(state, what))
    for act in (formula_edits.add, formula_edits.drop, formula_edits.turn, formula_edits.slope):
        browser.on(f"covariate-{act.__name__}", partial(act, state))
    browser.on("key", lambda key: _press(state, key))


def clear(state: AppState, what: str) -> None:
    """Clear the selected cells, the chosen factor, the pair or all marked genes."""
    if what == "cells":
        state.select(None)
    elif what == "factor":
        state.choose_factor(None)
    elif what == "pair":
        state.param.update(pair=None, detail="gene" if state.detail == "pair" else state.detail)
    elif what == "genes":
        for gene in state.marked:
            state.drop_gene(gene)


def _press(state: AppState, key: str) -> None:
    if key == "Escape":
        clear(state, "cells")
    elif key in STEPS and state.tab in ("explore", "topics", "compare"):
        state.step_factor(STEPS[key])


def _turn(state: AppState, name: str) -> None:
    if name in tab_names():
        state.tab = name


def _choose_factor(state: AppState, text: str) -> None:
    if text.isdecimal() and len(text) < 6:
        state.choose_factor(int(text))


def _work_out_uncertainty(state: AppState, text: str) -> None:
    """Start the delta method, or the bootstrap with a number of replicates."""
    if text == "delta":
        state.uncertainty_method = text
    elif text in map(str, REPLICATES):
        state.param.update(uncertainty_method="bootstrap", n_boot=int(text))


def _choose_colour(state: AppState, key: str) -> None:
    if key in state.colours().values():
        state.colour = key


def _choose_pair(state: AppState, text: str) -> None:
    if (names := _names(text)) is not None:
        state.choose_pair(*names)


def _select_label(state: AppState, text: str) -> None:
    names = _names(text)
    if state.fit is None or names is None or names[0] not in state.fit.obs:
        return
    cells = cells_with_label(state.fit.obs[names[0]], names[1])
    state.select(cells, led_by=(names[0],))


def cells_with_label(labels: pd.Series, label: str) -> np.ndarray:
    """(C,) mask of the cells with a label, given as text; `MISSING` selects cells without one."""
    categorical = pd.Categorical(labels)
    codes, names = np.asarray(categorical.codes), [str(c) for c in categorical.categories]
    if label in names:
        return np.asarray(codes == names.index(label))
    return np.asarray(codes < 0) if label == MISSING else np.zeros(len(codes), bool)


def _names(text: str) -> tuple[str, str] | None:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
        return value[0], value[1]
    return None
