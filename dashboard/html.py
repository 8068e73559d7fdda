"""Small pieces of HTML. Whatever comes from data is escaped here and nowhere else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import param

from dashboard.plots.colours import Colouring
from dashboard.state import Notice

STYLES = (Path(__file__).resolve().parent.parent / "assets" / "page.css").read_text("utf-8")
_numbers = itertools.count()


def pane(content: str = "", **params: Any) -> pn.pane.HTML:
    """A pane for HTML made by the functions below."""
    params = {"sizing_mode": "stretch_width", "margin": 0} | params
    return pn.pane.HTML(content, stylesheets=[STYLES], **params)


def bound(function: Callable[..., Any], *arguments: Any) -> Any:
    """A value that follows parameters; typed Any, because panes and widgets take it for one."""
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

    Instead of ``visible``: a browser that gets a change of it while it still lays the page out
    fails, and drops the other changes of the same message.
    """
    return [*classes] if something else [*classes, "silent"]


def notice(error: Notice | None) -> str:
    """HTML of an error: expected, found, remedy."""
    if error is None:
        return ""
    rows = (("Expected", error.expected), ("Found", error.got), ("What to do", error.remedy))
    body = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f'<dl class="notice" role="alert">{body}</dl>'


@dataclass(frozen=True)
class Heading:
    """Head of a card: its title with the "?", and how to read it."""

    title: str
    how: str


def heading(title: str, how: str, formula: str, caveat: str) -> Heading:
    """Title of a card, how to read it, and a "?" that opens formula and caveat."""
    name = f"help-{next(_numbers)}"
    return Heading(
        f'<header class="card-head"><h2>{escape(title)}</h2>'
        f'<button class="help" popovertarget="{name}" aria-label="About {escape(title)}">?</button>'
        f'</header><div class="help-text" id="{name}" popover><h3>{escape(title)}</h3>'
        f'<p class="formula">{escape(formula)}</p><p>{escape(caveat)}</p></div>',
        how_to_read(how),
    )


def noted(head: Heading, note: str) -> Heading:
    """The heading with a further line in what its "?" opens."""
    if not note:
        return head
    title = head.title.replace('<p class="formula">', f'<p>{escape(note)}</p><p class="formula">')
    return Heading(title, head.how)


def within(head: Heading, covariates: str) -> Heading:
    """The heading of a card that shows what lies within the levels of covariates, if any."""
    if not covariates:
        return head
    words = f' <small class="within">within {escape(covariates)}</small></h2>'
    return Heading(head.title.replace("</h2>", words, 1), head.how)


def how_to_read(words: str) -> str:
    """The line below the title of a card."""
    return f'<p class="how">{escape(words)}</p>' if words else ""


def told(words: str, everything: str) -> str:
    """A finding in place of `how_to_read`, on one line; all of it on hovering."""
    return f'<p class="how told" title="{escape(everything)}">{escape(words)}</p>'


def badge(text: str) -> str:
    """A small note on a card, such as how far a fit has come."""
    return f'<span class="badge" role="status">{escape(text)}</span>' if text else ""


def chip(text: str, kind: str, act: str, value: str, told: str = "") -> str:
    """Something chosen, with the button that lets go of it; ``told`` is all of it, on hovering."""
    name = escape(told or text)
    return (
        f'<li class="chip {kind}" title="{name}"><span>{escape(text)}</span>'
        f'<button data-act="{act}" data-value="{escape(value)}" aria-label="Clear {name}">×'
        f"</button></li>"
    )


def chips(items: list[str]) -> str:
    """Chips in a line."""
    return f'<ul class="chips" aria-label="Chosen">{"".join(items)}</ul>'


def empty(text: str) -> str:
    """HTML of an empty view: what to do to fill it."""
    return f'<div class="empty"><p>{escape(text)}</p></div>' if text else ""


def legend(colouring: Colouring, selected: Any = None) -> str:
    """Labels as buttons that select their cells, or a colour bar with its ends.

    Parameters
    ----------
    selected
        (C,) mask; a label all of whose cells are selected is pressed.
    """
    title = f'<p class="legend-title">{escape(colouring.title)}</p>'
    if colouring.limits is None:
        chosen = [None] * len(colouring.labels) if selected is None else colouring.counts(selected)
        items = "".join(
            _label(colouring.title, *label, count)
            for label, count in zip(colouring.labels, chosen, strict=True)
        )
        return f'<div class="legend">{title}<ul>{items}</ul></div>'
    low, high = colouring.limits
    stops = ",".join(colouring.palette[:: max(1, len(colouring.palette) // 24)])
    ends = "".join(f"<span>{short(value)}</span>" for value in (high, (low + high) / 2, low))
    return (
        f'<div class="legend">{title}<div class="bar">'
        f'<i style="background:linear-gradient(0deg,{stops})"></i>'
        f"{ends}"
        f"</div></div>"
    )


def _label(column: str, name: str, colour: str, cells: int, selected: int | None) -> str:
    said = f"{number(cells)} cells" if selected is None else f"{selected:,} of {cells:,} selected"
    pressed = str(selected == cells).lower()
    value = escape(json.dumps([column, name]))
    return (
        f'<li><button class="label" data-act="label" data-value="{value}" aria-pressed="{pressed}"'
        f' title="{escape(name)}: {said}"><i style="background:{colour}"></i>'
        f"<span>{escape(name)}</span></button></li>"
    )


def facts(rows: list[tuple[str, str]]) -> str:
    """A table of names and values."""
    body = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows
    )
    return f'<dl class="facts">{body}</dl>'


def sentences(lines: list[str]) -> str:
    """Sentences below one another; warnings stand out."""
    items = "".join(
        f'<li class="{"warning" if line.startswith("Warning") else ""}">{escape(line)}</li>'
        for line in lines
    )
    return f'<ul class="lines">{items}</ul>'


def section(step: int | None, title: str) -> str:
    """Title of a part of the sidebar, with its number if it has one."""
    number = "" if step is None else f"<b>{step}</b>"
    return f'<h2 class="section">{number}{escape(title)}</h2>'


def note(text: str) -> str:
    """A quiet line of help."""
    return f'<p class="note">{escape(text)}</p>'


def busy(text: str) -> str:
    """HTML of a spinner, with what the page waits for."""
    return f'<p class="busy" role="status">{escape(text)}</p>'


def status(head: str, lines: list[str], message: str, *, bad: bool) -> str:
    """State of a run, and its message in plain words."""
    body = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    tail = f'<p class="{"bad" if bad else "note"}">{escape(message)}</p>' if message else ""
    return f'<div class="status" role="status"><b>{escape(head)}</b>{body}{tail}</div>'


def account(lines: tuple[str, ...]) -> str:
    """How the data were read."""
    return f'<section class="account"><h2>How it was read</h2>{sentences(list(lines))}</section>'


def person(name: str) -> str:
    """Who has logged in, and how to leave."""
    return f'<div class="person"><span>{escape(name)}</span><a href="./logout">Log out</a></div>'


def crumbs(data: str, run: str, state: str) -> str:
    """Which data and which run the page shows."""
    parts = [f"<span>{escape(data)}</span>"] if data else []
    if run:
        parts.append(f'<span class="run">{escape(run)}</span><em>{escape(state)}</em>')
    return f'<div class="crumbs">{"".join(parts)}</div>'
