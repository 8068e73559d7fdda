"""Fields of the sidebar, each with its line of help and the bounds of its parameter."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.asked import read_size, size_error
from dashboard.controls.form import WIDE

# The words beside a switch are outside what its own sx reaches.
SWITCH = ".MuiFormControlLabel-root .MuiFormControlLabel-label { font-size: 13px; }"


def choice(of: param.Parameter, label: str, help: str, options: Any, **more: Any) -> Any:
    """One of several."""
    return pmui.Select.from_param(of, label=label, helper_text=help, options=options, **WIDE | more)


def whole(of: param.Parameter, label: str, help: str, **more: Any) -> Any:
    """A whole number."""
    return pmui.IntInput.from_param(of, label=label, helper_text=help, **WIDE | _ends(of) | more)


def size(of: param.Parameter, label: str, help: str) -> Any:
    """A field for a number of factors or topics, or "auto"; other text stays, with an error."""
    owner, name = of.owner, str(of.name)
    field = pmui.TextInput(
        label=label,
        value=str(getattr(owner, name)),
        helper_text=html.bound(lambda value: str(size_error(name, value) or help), of),
        error_state=html.bound(lambda value: size_error(name, value) is not None, of),
        **WIDE,
    )

    def typed(event: param.parameterized.Event) -> None:
        owner.param.update({name: read_size(event.new or "")})

    def follow(*_events: object) -> None:
        field.value = str(getattr(owner, name))

    field.param.watch(typed, "value")
    owner.param.watch(follow, name)
    return field


def number(of: param.Parameter, label: str, help: str, **more: Any) -> Any:
    """Any number."""
    return pmui.FloatInput.from_param(of, label=label, helper_text=help, **WIDE | _ends(of) | more)


def switch(of: param.Parameter, label: str, **more: Any) -> Any:
    """Yes or no."""
    look = {"size": "small", "margin": 0, "description": "", "stylesheets": [SWITCH]}
    return pmui.Switch.from_param(of, label=label, **look | more)


def _ends(of: Any) -> dict[str, Any]:
    low, high = of.bounds or (None, None)
    return {"start": low, "end": high}
