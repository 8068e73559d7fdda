"""HTML lists of genes and factors: names as buttons, with bars and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dashboard.cut import cut
from dashboard.gene_ids import full
from dashboard.html import number
from dashboard.templates import Html, render

# Longest name in a list, unless two names need more to differ.
SHORT = 18


def press(
    act: str, value: str, words: str, *, kind: str = "name", label: str = "", hover: str = ""
) -> Html:
    """A button of `dashboard.browser.Browser`.

    Parameters
    ----------
    label
        Words for screen readers.
    hover
        Words on hovering; by default ``label`` or ``words``.
    """
    return render("lists.press", act, value, words, kind, label, hover)


def genes(names: Sequence[str], ids: Mapping[str, str], kinds: Sequence[str] = ()) -> list[Html]:
    """Buttons that choose genes, each with its id on hovering; different genes look different."""
    kinds = kinds or ["name"] * len(names)
    return [
        press("gene", name, words, kind=kind, hover=full(name, ids))
        for name, words, kind in zip(names, cut(names, SHORT), kinds, strict=True)
    ]


def bar(name: Html, value: float, limit: float, *more: Html, digits: int = 2) -> Html:
    """A name with a number, and its bar from the middle of a track, to the right if positive.

    Parameters
    ----------
    limit
        Absolute value of a full bar.
    more
        Further pieces of the line.
    """
    width = 50 * min(abs(value) / limit, 1) if limit > 0 else 0
    start = 50 if value >= 0 else 50 - width
    said = f"{'+' if value > 0 else ''}{number(value, digits)}"
    kind = "up" if value >= 0 else "down"
    return render("lists.bar", name, kind, f"{start:.1f}", f"{width:.1f}", said, more)


def unit(value: float, digits: int, name: str) -> Html:
    """A quiet number with its unit."""
    return render("lists.unit", number(value, digits), name)


def interval(words: str) -> Html:
    """An interval beside a number."""
    return render("lists.interval", words)


def rows(items: Iterable[str], title: str, kind: str) -> Html:
    """A titled list, in as many columns as there is room for."""
    return render("lists.rows", items, title, kind)


def table(head: list[str], body: Iterable[list[str]]) -> Html:
    """A table of a name and numbers."""
    return render("lists.table", head, body)


def offered(words: str, *buttons: Html) -> Html:
    """Words, then buttons."""
    return render("lists.offered", words, buttons)


def when(seconds: float) -> str:
    """Format seconds since 1970: the time if it is today, else the date."""
    made, today = datetime.fromtimestamp(seconds), datetime.now().date()
    return made.strftime("%H:%M" if made.date() == today else "%d %b %Y")


def percent(share: float, digits: int = 0) -> str:
    """A share in percent; one that rounds to 0 is given as an upper bound."""
    least = 10**-digits
    if 0 < 100 * share < least:
        return f"< {number(least, digits)} %"
    return f"{number(100 * share, digits)} %"


def tabs(title: str, words: dict[str, str], active: str, act: str = "detail") -> Html:
    """Small tabs: buttons of an act, of which one is active."""
    return render("lists.tabs", title, words, active, act)
