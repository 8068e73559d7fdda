"""Small pieces of HTML, panes that show them, and numbers in words."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import panel as pn
import param

from dashboard.plots.colours import Colouring
from dashboard.state import Notice
from dashboard.templates import render

STYLES = (Path(__file__).resolve().parent.parent / "assets" / "page.css").read_text("utf-8")
_numbers = itertools.count()


def pane(content: str = "", **params: Any) -> pn.pane.HTML:
    """A pane for HTML made by the functions below."""
    params = {"sizing_mode": "stretch_width", "margin": 0} | params
    return pn.pane.HTML(content, stylesheets=[STYLES], **params)


def bound(function: Callable[..., Any], *arguments: Any) -> Any:
    """A value that follows parameters; typed Any, because panes and widgets accept it."""
    return param.bind(function, *arguments)


def number(value: float, digits: int = 0) -> str:
    """A number with thousands separators and a true minus sign."""
    return f"{value:,.{digits}f}".replace("-", "−")


def short(value: float) -> str:
    """A number to three digits, for the ends of a colour bar."""
    return f"{value:,.3g}".replace("-", "−")


def live(words: Callable[..., str], *arguments: Any, **params: Any) -> pn.pane.HTML:
    """A pane that follows parameters, and takes no room while it is empty."""
    return pane(
        bound(words, *arguments),
        css_classes=bound(lambda *values: shown(bool(words(*values))), *arguments),
        **params,
    )


def shown(something: bool, *classes: str) -> list[str]:
    """CSS classes of a pane that is hidden while it is empty.

    Instead of ``visible``: if it changes while the browser still lays out the page, the
    browser fails and drops the other changes of the same message.
    """
    return [*classes] if something else [*classes, "silent"]


def notice(error: Notice | None) -> str:
    """HTML of an error: expected, found, remedy."""
    return "" if error is None else render("pieces.notice", error)


class About(NamedTuple):
    """The parts of the title of a card.

    Attributes
    ----------
    name
        Id of the help that its "?" opens.
    title, formula, caveat, note
        Words of the title and of its help; the note is a further line.
    within
        Covariates, if the card shows variation within their levels; else empty.
    """

    name: str
    title: str
    formula: str
    caveat: str
    note: str = ""
    within: str = ""


ABOUT_WORDS = ("title", "formula", "caveat", "note")


@dataclass(frozen=True)
class Heading:
    """Head of a card: its title with the "?", and how to read it.

    Attributes
    ----------
    about
        What the title was made from.
    line
        How to read it, in words.
    """

    title: str
    how: str
    about: About | None = None
    line: str = ""

    def changed(self, change: Callable[[str], str] = str, **parts: str) -> Heading:
        """The heading with its words changed, and with other ``parts`` of `About`."""
        if self.about is None:
            return self
        words = {name: change(getattr(self.about, name)) for name in ABOUT_WORDS}
        about = self.about._replace(**words | parts)
        line = change(self.line)
        return Heading(render("pieces.card_head", *about), how_to_read(line), about, line)


def heading(title: str, how: str, formula: str, caveat: str) -> Heading:
    """Title of a card, how to read it, and a "?" that opens formula and caveat."""
    about = About(f"help-{next(_numbers)}", title, formula, caveat)
    return Heading(render("pieces.card_head", *about), how_to_read(how), about, how)


def within(head: Heading, covariates: str) -> Heading:
    """The heading of a card that shows variation within the levels of covariates, if any."""
    if not covariates:
        return head
    return replace(head, title=head.changed(within=covariates).title)


def how_to_read(words: str, button: str = "") -> str:
    """The line below the title of a card, after a button if there is one."""
    return render("pieces.how", words, button) if words else ""


def finding(words: str, everything: str, button: str = "") -> str:
    """A finding in place of `how_to_read`, on one line; all of it on hovering."""
    return render("pieces.finding", words, everything, button)


def badge(text: str) -> str:
    """A small note on a card, such as how far a fit has come."""
    return render("pieces.badge", text) if text else ""


def chip(text: str, kind: str, act: str, value: str, hover: str = "") -> str:
    """A chip of a selection with a button that clears it; ``hover`` is its full text."""
    return render("pieces.chip", text, kind, act, value, hover or text)


def chips(items: list[str]) -> str:
    """Chips in a line."""
    return render("pieces.chips", items)


def nothing(text: str) -> str:
    """What to do, in place of chips."""
    return render("pieces.nothing", text)


def empty(text: str) -> str:
    """HTML of an empty view: what to do to fill it."""
    return render("pieces.empty", text) if text else ""


def asks(words: str, button: str) -> str:
    """HTML of an empty view, with the button that fills it."""
    return render("pieces.asks", words, button)


def legend(colouring: Colouring, selected: Any = None) -> str:
    """Labels as buttons that select their cells, or a colour bar with its ends.

    Parameters
    ----------
    selected
        (C,) mask; a label all of whose cells are selected is pressed.
    """
    if colouring.limits is None:
        selected_counts = (
            [None] * len(colouring.labels) if selected is None else colouring.counts(selected)
        )
        labels = [
            _label(colouring.title, *label, count)
            for label, count in zip(colouring.labels, selected_counts, strict=True)
        ]
        return render("pieces.legend", colouring.title, "label", labels)
    low, high = colouring.limits
    stops = colouring.palette[:: max(1, len(colouring.palette) // 24)]
    ends = [short(value) for value in (high, (low + high) / 2, low)]
    return render("pieces.colour_bar", colouring.title, stops, ends)


def legend_line(colouring: Colouring) -> str:
    """Labels with their colours, in a line."""
    return render("pieces.legend_line", [(colour, name) for name, colour, _ in colouring.labels])


def _label(
    column: str, name: str, colour: str, cells: int, selected: int | None
) -> tuple[str, bool, str, str, str]:
    said = f"{number(cells)} cells" if selected is None else f"{selected:,} of {cells:,} selected"
    return json.dumps([column, name]), selected == cells, f"{name}: {said}", colour, name


def facts(rows: list[tuple[str, str]]) -> str:
    """A table of names and values."""
    return render("pieces.facts", rows)


def sentences(lines: list[str]) -> str:
    """Sentences below one another; warnings stand out."""
    return render("pieces.sentences", lines)


def section(step: int | None, title: str) -> str:
    """Title of a part of the sidebar, with its number if it has one."""
    return render("pieces.section", step, title)


def note(text: str, button: str = "") -> str:
    """A quiet line of help, before a button if there is one."""
    return render("pieces.note", text, button)


def busy(text: str) -> str:
    """HTML of a spinner, with words for what the page waits for."""
    return render("pieces.busy", text)


def status(head: str, lines: list[str], message: str, *, bad: bool) -> str:
    """State of a run, and its message in plain words."""
    return render("pieces.status", head, lines, message, bad)


def account(lines: tuple[str, ...]) -> str:
    """How the data were read."""
    return render("pieces.account", lines)


def person(name: str) -> str:
    """HTML of the name of who has logged in, with a way to log out."""
    return render("pieces.person", name)


def crumbs(data: str, run: str, state: str) -> str:
    """The names of the data and of the run that the page shows, and the state of the run."""
    return render("pieces.crumbs", data, run, state)
