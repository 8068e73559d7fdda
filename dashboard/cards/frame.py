"""The frame of a view: title, how to read it, its own controls, help, and a plot."""

from __future__ import annotations

import itertools
from typing import Any

import panel as pn
from bokeh.models import LayoutDOM

from dashboard import html
from dashboard.bare import bare_words, is_bare
from dashboard.controls.run import STATES, doing, how_far
from dashboard.size_selection import CHOOSING
from dashboard.state import AppState
from engine.jobs import JobStatus

COVER = {"position": "absolute", "inset": "0", "width": "100%", "height": "100%"}


def card(head: Any, *body: Any, tools: tuple[Any, ...] = (), **params: Any) -> pn.Column:
    """A card whose body fills the room below the title.

    Parameters
    ----------
    head
        An `html.Heading`, or a bound function that returns one.
    tools
        Small controls at the right of the title.
    """
    title, how = (
        getattr(head, part)
        if isinstance(head, html.Heading)
        else html.bound(lambda head, part=part: getattr(head, part), head)
        for part in ("title", "how")
    )
    top = pn.Row(
        html.pane(title, sizing_mode=None, css_classes=["card-title"]),
        pn.Spacer(sizing_mode="stretch_width", height=0, margin=0),
        *tools,
        sizing_mode="stretch_width",
        margin=0,
        # All tops have the same height, unless there is only a title.
        css_classes=["card-top"] if tools or how else ["card-top", "bare"],
        stylesheets=[html.STYLES],
    )
    params = {"sizing_mode": "stretch_both", "margin": 0} | params
    if how:
        body = html.pane(how), *body
    return pn.Column(top, *body, css_classes=["card"], stylesheets=[html.STYLES], **params)


def row(*cards: Any, shares: tuple[int, ...] = ()) -> pn.Row:
    """Cards side by side, each with its share of the width."""
    # Styles are set on the card itself: Bokeh measures nested layouts repeatedly.
    for view, share in zip(cards, shares, strict=False):
        view.__panel__().styles = {"flex": f"{share} 1 0"}
    return pn.Row(
        *cards,
        sizing_mode="stretch_both",
        margin=0,
        css_classes=["cards"],
        stylesheets=[html.STYLES],
    )


def figure(*plots: Any, message: Any, widest: tuple[int | None, ...] = ()) -> pn.Column:
    """Plots (or panes) side by side, under a message that covers them while they are empty.

    Parameters
    ----------
    widest
        Largest width of each plot, pixels; without one a plot fills the room.
    """
    cover = html.pane(message, css_classes=["cover"], sizing_mode=None, styles=COVER)
    panes = [
        pn.Column(
            _pane(plot),
            sizing_mode="stretch_both",
            margin=0,
            max_width=width,
        )
        for plot, width in itertools.zip_longest(plots, widest)
    ]
    return pn.Column(
        pn.Row(*panes, sizing_mode="stretch_both", margin=0),
        cover,
        sizing_mode="stretch_both",
        margin=0,
        styles={"position": "relative"},
    )


def _pane(plot: Any) -> Any:
    if isinstance(plot, (pn.viewable.Viewable, pn.viewable.Viewer)):
        return plot
    if isinstance(plot, LayoutDOM):
        return pn.pane.Bokeh(plot, sizing_mode="stretch_both", margin=0)
    return pn.pane.HoloViews(plot, sizing_mode="stretch_both", margin=0, linked_axes=False)


def waiting_words(status: JobStatus | None) -> str:
    """What the page waits for, and for how long it has waited."""
    if status is not None and status.state == "queued":
        return f"{STATES['queued']}."
    if status is None or not status.seconds:
        return "Waiting for the first pass of the fit."
    if status.state in ("done", "stopped"):
        return "Opening the fit."
    parts = " · ".join([doing(status), *how_far(status)])
    return f"Waiting for the first result of the fit: {parts[:1].lower()}{parts[1:]}."


def waiting(state: AppState, *, factors: bool = False) -> Any:
    """Message of a card while there is no fit; with ``factors``, also if the fit has no factor."""

    def words(fit: Any, run: str | None, status: Any) -> str:
        if fit is not None:
            return html.empty(bare_words(fit)) if factors and is_bare(fit) else ""
        if run is None:
            return html.empty("No fit yet. Choose a model on the left and press Fit.")
        ended = status is not None and status.state in ("failed", "cancelled", "stopped")
        if ended and not (status.state == "stopped" and status.passes):
            return html.empty("This run has no result. Its message is under Run.")
        if status is not None and status.phase.startswith(CHOOSING):
            what = status.phase.partition(":")[0].capitalize()
            return html.empty(f"{what}, by fits of some of the cells. All are fitted then.")
        return html.empty(waiting_words(status))

    return html.bound(words, state.param.fit, state.param.run, state.param.status)
