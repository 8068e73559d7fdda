"""The bar above the views: which runs are compared, and what is chosen."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.cards.choice_bar import chips
from dashboard.cards.compare.compared import Compared
from dashboard.cards.compare.other_umap import Layout
from dashboard.cards.compare.tab_choices import TAB, CompareChoices
from dashboard.cards.other_run import runs
from dashboard.one_message import one_message
from dashboard.select import Select

NOBODY = "none"
# Makes the field as low as the bar.
LOW = {
    "& .MuiSelect-select": {
        "paddingTop": "7px !important",
        "paddingBottom": "7px !important",
        "minHeight": "0 !important",
    }
}


class CompareBar(pn.viewable.Viewer):
    """Chooses the run B that the open run A is compared with, and those in the table."""

    def __init__(self, compared: Compared, choices: CompareChoices, layout: Layout) -> None:
        super().__init__()
        self.compared, self.choices, self.state = compared, choices, compared.state
        self._ids: dict[str, str] = {}
        self._quiet = False
        self.other = Select(
            label="Compare the open run (A) with (B)",
            options=[NOBODY],
            value=NOBODY,
            size="small",
            width=250,
            margin=0,
            disabled=True,
        )
        self.table = pmui.MultiChoice(
            label="In the table",
            options=[],
            visual_size="small",
            width=170,
            margin=0,
            chip=False,
            searchable=False,
            value_label="",
            disabled=True,
            sx=LOW,
        )
        of = self.state.param
        choice_chips = html.bound(
            _chips, of.tab, of.fit, of.selected, of.factor, of.marked, of.pair, of.names
        )
        self._panel = pn.Row(
            self.other,
            self.table,
            html.pane(choice_chips, sizing_mode="stretch_width"),
            html.live(_placing, layout.param.placing, sizing_mode=None, align="center"),
            sizing_mode="stretch_width",
            margin=0,
            height=38,
            css_classes=["chosen"],
            stylesheets=[html.STYLES],
        )
        self.other.param.watch(self._pick, "value")
        self.table.param.watch(self._leave_out, "value")
        self.state.param.watch(self._update, ["runs", "run", "other", "tab"])
        compared.param.watch(self._update, ["survey", "beside"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _update(self, *_events: object) -> None:
        if self.state.tab != TAB:
            return
        survey = self.compared.survey
        others = runs(self.state)
        # Values are names: a select does not show a change of the words alone.
        self._ids = {words: run for run, words in others.items()}
        wanted = self.compared.wanted
        options = list(self._ids) or [NOBODY]
        value = others.get(wanted or "", options[0])
        alike = [run for run in others if survey is not None and run in survey.table.index]
        shown = [others[run] for run in alike if run not in self.choices.left_out]
        self._quiet = True
        try:
            self.other.param.update(options=options, value=value, disabled=not others)
            self.table.param.update(
                options=[others[run] for run in alike],
                value=shown,
                value_label=f"A and {len(shown)} of {len(alike)} others",
                disabled=not alike,
            )
        finally:
            self._quiet = False

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        if not self._quiet and event.new in self._ids:
            self.state.other = self._ids[event.new]

    @one_message
    def _leave_out(self, event: param.parameterized.Event) -> None:
        if self._quiet:
            return
        shown = {self._ids[words] for words in event.new if words in self._ids}
        offered = {self._ids[words] for words in self.table.options if words in self._ids}
        left = set(self.choices.left_out) - offered | (offered - shown)
        self.choices.left_out = sorted(left)
        self._update()


def strip(*widgets: object) -> pn.Row:
    """Row of small controls above a plot; its height is fixed, so that the plot has its room."""
    return pn.Row(
        *widgets,
        sizing_mode="stretch_width",
        height=36,
        margin=(6, 0, 0, 0),
        css_classes=["pair-top"],
        stylesheets=[html.STYLES],
    )


def _chips(tab: str, *choices: Any) -> str:
    return chips(*choices) if tab == TAB else ""


def _placing(words: str) -> str:
    return html.badge(words and f"UMAP of B: {words}")
