"""Layout and look of the controls of the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.select import Select

WIDE: dict[str, Any] = {
    "size": "small",
    "sizing_mode": "stretch_width",
    "width": None,
    "margin": 0,
    "description": "",
}
FOLDED = {
    "& .MuiAccordion-root": {"backgroundColor": "transparent", "backgroundImage": "none"},
    "& .MuiAccordion-root::before": {"display": "none"},
    "& .MuiAccordionSummary-root": {"minHeight": 28, "padding": 0},
    "& .MuiAccordionSummary-content": {"margin": "4px 0"},
    "& .MuiAccordionDetails-root": {"padding": "8px 0"},
}


def form(*rows: Any) -> pn.Column:
    """Controls below one another."""
    return pn.Column(
        *rows,
        sizing_mode="stretch_width",
        margin=0,
        css_classes=["form"],
        stylesheets=[html.STYLES],
    )


class Later:
    """Controls that are built when they are first shown: the page opens sooner without them.

    Parameters
    ----------
    build
        Returns the controls, which ``column`` shows one below the other.
    """

    def __init__(self, build: Callable[[], list[Any]]) -> None:
        self._build = build
        self.column = form()
        self.column.visible = False

    def show(self, shown: bool = True) -> None:
        """Show the controls, or hide and keep them."""
        if shown and not len(self.column):
            self.column.extend(self._build())
        self.column.visible = shown


def step(number: int | None, title: str, *rows: Any) -> pn.Column:
    """A part of the sidebar, with its number if it has one."""
    part = form(html.pane(html.section(number, title)), *rows)
    part.css_classes = ["form", "step"]
    return part


def beside(*rows: Any, **params: Any) -> pn.Row:
    """Controls next to one another."""
    return pn.Row(
        *rows,
        sizing_mode="stretch_width",
        margin=0,
        css_classes=["beside"],
        stylesheets=[html.STYLES],
        **params,
    )


def folded(title: str, *rows: Any) -> pmui.Accordion:
    """A collapsed section of controls that few people need."""
    return pmui.Accordion(
        (title, form(*rows)),
        title_variant="body2",
        dynamic=True,
        disable_gutters=True,
        sizing_mode="stretch_width",
        margin=0,
        elevation=0,
        square=True,
        sx=FOLDED,
    )


def select(label: str, help: str, options: Any = None, **params: Any) -> Select:
    """A choice with its one-line help."""
    return Select(
        label=label,
        helper_text=help,
        options={"automatic": ""} if options is None else options,
        **WIDE | params,
    )
