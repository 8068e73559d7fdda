"""Edits of the covariates of the next fit as chips: add, change, remove. Without Panel."""

from __future__ import annotations

import json
from dataclasses import replace

from dashboard.model_settings import parameters
from dashboard.state import AppState
from engine.covariate_offers import Covariate, Offer, offers, read_formula, write_formula
from engine.data import Counts
from engine.per_fit import per_fit
from engine.registry import MODELS

FORMULA = "formula"


@per_fit
def offered(counts: Counts) -> dict[str, Offer]:
    """The `Offer` of each column of the labels of counts; computed once for each counts."""
    return {one.name: one for one in offers(counts.obs)}


def parameter(model: str) -> str | None:
    """The parameter of the state that holds the formula of a model; None if it has none."""
    return parameters(model).get(FORMULA)


def formula_of(state: AppState) -> str | None:
    """The formula of the next fit; None if it is empty or the model takes none."""
    name = parameter(state.model)
    return None if name is None else getattr(state, name)


def unused(state: AppState) -> str:
    """A remark on a formula that the chosen model cannot use; empty if there is none.

    The formula is kept until a model that takes one is chosen again.
    """
    if parameter(state.model) is not None:
        return ""
    names = dict.fromkeys(filter(None, map(parameter, MODELS)))
    formula = next(filter(None, (getattr(state, name) for name in names)), None)
    if formula is None:
        return ""
    model = state.model.upper()
    return f"{model} takes no covariates: the next fit is without {formula}, which is kept."


def can_add(state: AppState, name: str) -> bool:
    """Whether a column of the open counts can become a covariate, and is none yet."""
    counts, chips = state.counts, read_formula(formula_of(state))
    return (
        counts is not None
        and chips is not None
        and all(one.name != name for one in chips)
        and (one := offered(counts).get(name)) is not None
        and one.refused is None
    )


def add(state: AppState, name: str) -> None:
    """Make a column of the open counts a covariate; choose a model with covariates if needed."""
    if state.counts is None or name not in (known := offered(state.counts)):
        return
    if parameter(state.model) is None:
        shown = () if state.fit is None else (state.fit.model,)
        models = (*shown, state.param["model"].default, *MODELS)
        state.model = next(model for model in models if parameter(model) is not None)
    written = formula_of(state)
    chips = read_formula(written)
    if chips is None:
        # A formula that chips cannot show is extended as text.
        _set(state, f"{written} + {name}")
    elif all(one.name != name for one in chips):
        chips = (*chips, Covariate(name, known[name].many))
        _set(state, write_formula(chips))


def drop(state: AppState, name: str) -> None:
    """Remove a covariate."""
    _change(state, name, None)


def turn(state: AppState, name: str) -> None:
    """Make a fixed covariate random, or the reverse."""
    chips = {one.name: one for one in read_formula(formula_of(state)) or ()}
    if name in chips:
        _change(state, name, Covariate(name, not chips[name].random))


def slope(state: AppState, text: str) -> None:
    """Add or remove a random slope: the effect of a column differs by level of another.

    Parameters
    ----------
    text
        JSON of the two column names, the random one first.
    """
    try:
        group, column = map(str, json.loads(text))
    except (TypeError, ValueError):
        return
    chips = {one.name: one for one in read_formula(formula_of(state)) or ()}
    one = chips.get(group)
    if one is None or not one.random or column not in chips or chips[column].random:
        return
    others = tuple(name for name in one.slopes if name != column)
    slopes = others if len(others) < len(one.slopes) else (*one.slopes, column)
    _change(state, group, replace(one, slopes=slopes))


def _change(state: AppState, name: str, to: Covariate | None) -> None:
    chips = read_formula(formula_of(state)) or ()
    if all(one.name != name for one in chips):
        return
    changed = [to if one.name == name else one for one in chips]
    remaining = [one for one in changed if one is not None]
    fixed = {one.name for one in remaining if not one.random}
    _set(
        state,
        write_formula(
            replace(one, slopes=tuple(column for column in one.slopes if column in fixed))
            for one in remaining
        ),
    )


def _set(state: AppState, formula: str | None) -> None:
    name = parameter(state.model)
    assert name is not None
    state.param.update({name: formula})
