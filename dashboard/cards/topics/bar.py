"""The bar above the views: which topic is chosen, what it is called, and what else is chosen."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.cards.choice_bar import chips
from dashboard.one_message import one_message
from dashboard.select import Select
from dashboard.state import LONGEST_NAME, AppState

NONE, TAB = "none", "topics"


class TopicBar(pn.viewable.Viewer):
    """Steps through the topics, and names them."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        self.choice = Select(
            label="Topic or factor", options=[NONE], size="small", width=170, margin=0
        )
        self.own_name = pmui.TextInput(
            label="Its name",
            size="small",
            width=170,
            margin=0,
            max_length=LONGEST_NAME,
            disabled=True,
        )
        self._steps = [
            pmui.IconButton(
                icon=icon,
                size="small",
                margin=0,
                description=f"{words} topic or factor",
                disabled=True,
                on_click=one_message(lambda _event, by=by: state.step_factor(by)),
            )
            for icon, words, by in (("chevron_left", "Previous", -1), ("chevron_right", "Next", 1))
        ]
        of = state.param
        choice_chips = html.bound(
            _chips, of.tab, of.fit, of.selected, of.factor, of.marked, of.pair, of.names
        )
        self._panel = pn.Row(
            self._steps[0],
            self.choice,
            self._steps[1],
            self.own_name,
            html.pane(choice_chips, sizing_mode="stretch_width"),
            html.live(html.badge, of.partial, sizing_mode=None, align="center"),
            sizing_mode="stretch_width",
            margin=0,
            height=38,
            css_classes=["chosen"],
            stylesheets=[html.STYLES],
        )
        self.choice.param.watch(self._pick, "value")
        self.own_name.param.watch(self._rename, "value")
        state.param.watch(self._update, ["fit", "names", "factor", "tab"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        self.state.choose_named(event.new)

    @one_message
    def _rename(self, event: param.parameterized.Event) -> None:
        state = self.state
        if state.names and event.new != state.names[state.shown_factor]:
            state.rename_factor(state.shown_factor, event.new)
            # A refused name is replaced by the one that stays.
            self.own_name.value = state.names[state.shown_factor]

    def _update(self, *_events: object) -> None:
        state = self.state
        if state.tab != TAB:
            return
        there = state.fit is not None and bool(state.names)
        for widget in (*self._steps, self.choice, self.own_name):
            widget.disabled = not there
        if not there:
            self.choice.param.update(options=[NONE], value=NONE)
            self.own_name.value = ""
        else:
            # Values are names: a select does not show a change of the words alone.
            self.choice.param.update(options=state.names, value=state.names[state.shown_factor])
            self.own_name.value = state.names[state.shown_factor]


def _chips(tab: str, *choices: Any) -> str:
    shown = chips(*choices) if tab == TAB else ""
    # One topic is always chosen, in the field beside.
    return "" if 'class="nothing"' in shown else shown
