"""Fields of the sidebar, each with its line of help."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.controls.form import WIDE
from dashboard.model_settings import error_of
from engine.fitting.settings import Setting

# All digits of a number, up to nine after the decimal point.
FORMAT = "0,0.[000000000]"
# The sx of a switch does not reach the words beside it.
SWITCH = ".MuiFormControlLabel-root .MuiFormControlLabel-label { font-size: 13px; }"


def whole(of: param.Parameter, label: str, help: str, **more: Any) -> Any:
    """A whole number."""
    return pmui.IntInput.from_param(of, label=label, helper_text=help, **WIDE | _ends(of) | more)


def switch(of: param.Parameter, label: str, **more: Any) -> Any:
    """Yes or no."""
    look = {"size": "small", "margin": 0, "description": "", "stylesheets": [SWITCH]}
    return pmui.Switch.from_param(of, label=label, **look | more)


def _ends(of: Any) -> dict[str, Any]:
    low, high = of.bounds or (None, None)
    return {"start": low, "end": high}


def setting(of: param.Parameter, one: Setting, **more: Any) -> Any:
    """The field of a setting; an invalid value stays in it, with its error in three parts."""

    def help_text(value: Any) -> str:
        return str(error_of(one, value) or _help(one, value))

    look = WIDE | {"label": one.label, "helper_text": html.bound(help_text, of), **more}
    if one.kind == "switch":
        return switch(of, one.label, **more)
    if one.kind == "choice":
        options = {one.words.get(value, value): value for value in one.choices}
        return pmui.Select.from_param(of, options=options, **look)
    look["error_state"] = html.bound(lambda value: error_of(one, value) is not None, of)
    # A field for numbers would show None as 0.
    if one.optional or one.kind in ("size", "text"):
        return _typed(of, one, look | {"placeholder": one.empty})
    if one.kind == "whole":
        return pmui.IntInput.from_param(of, step=int(one.step) or 1, **look)
    return pmui.FloatInput.from_param(of, step=one.step or 1, format=FORMAT, **look)


def _help(one: Setting, value: Any) -> str:
    return one.helps.get(value, one.help) if one.helps else one.help


def _text(one: Setting, value: Any) -> str:
    # A typed number has become a float: show 90, not 90.0.
    return f"{value:.12g}" if isinstance(value, float) else one.write(value)


def _typed(of: param.Parameter, one: Setting, look: dict[str, Any]) -> Any:
    """A field of text, which may be parsed as a number."""
    owner, name = of.owner, str(of.name)
    field = pmui.TextInput(value=_text(one, getattr(owner, name)), **look)

    def typed(event: param.parameterized.Event) -> None:
        owner.param.update({name: one.typed(event.new or "")})

    def follow(*_events: object) -> None:
        field.value = _text(one, getattr(owner, name))

    field.param.watch(typed, "value")
    owner.param.watch(follow, name)
    return field
