"""HTML lists of genes and factors: names as buttons, with bars and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from dashboard.cut import cut
from dashboard.genes import full
from dashboard.html import number

# Longest name in a list, unless two names need more to differ.
SHORT = 18


def press(
    act: str, value: str, words: str, *, kind: str = "name", label: str = "", told: str = ""
) -> str:
    """A button of `dashboard.browser.Browser`.

    Parameters
    ----------
    label
        For those who cannot see its place.
    told
        On hovering, if not ``label`` or ``words``.
    """
    said = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<button class="{kind}" data-act="{escape(act)}" data-value="{escape(value)}"'
        f' title="{escape(told or label or words)}"{said}>{escape(words)}</button>'
    )


def genes(names: Sequence[str], ids: Mapping[str, str], kinds: Sequence[str] = ()) -> list[str]:
    """Buttons that choose genes, each with its id on hovering; of different genes none alike."""
    kinds = kinds or ["name"] * len(names)
    return [
        press("gene", name, words, kind=kind, told=full(name, ids))
        for name, words, kind in zip(names, cut(names, SHORT), kinds, strict=True)
    ]


def signed(value: float, limit: float) -> str:
    """A bar from the middle of its track, to the right if positive; full at ``limit``."""
    width = 50 * min(abs(value) / limit, 1) if limit > 0 else 0
    start = 50 if value >= 0 else 50 - width
    kind = "up" if value >= 0 else "down"
    return f'<i class="signed {kind}"><b style="left:{start:.1f}%;width:{width:.1f}%"></b></i>'


def figure(value: float, digits: int = 2) -> str:
    """A number at the right of its column, with its sign."""
    sign = "+" if value > 0 else ""
    return f'<span class="num">{sign}{number(value, digits)}</span>'


def rows(items: Iterable[str], title: str, kind: str) -> str:
    """A titled list, in as many columns as there is room for."""
    body = "".join(f"<li>{item}</li>" for item in items)
    return f'<h4>{escape(title)}</h4><ul class="rows {kind}">{body}</ul>'


def table(head: list[str], body: Iterable[list[str]]) -> str:
    """A table of a name and numbers."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row">{escape(line[0])}</th>'
        + "".join(f"<td>{escape(value)}</td>" for value in line[1:])
        + "</tr>"
        for line in body
    )
    return f'<table class="numbers"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>'


def when(seconds: float) -> str:
    """Format seconds since 1970: the time if it is today, else the date."""
    made, today = datetime.fromtimestamp(seconds), datetime.now().date()
    return made.strftime("%H:%M" if made.date() == today else "%d %b %Y")


def percent(share: float, digits: int = 0) -> str:
    """A share in percent; one too small to be seen does not become nothing."""
    least = 10**-digits
    if 0 < 100 * share < least:
        return f"< {number(least, digits)} %"
    return f"{number(100 * share, digits)} %"


def tabs(title: str, words: dict[str, str], chosen: str, act: str = "detail") -> str:
    """Small tabs: buttons of an act, one of which is chosen."""
    items = "".join(
        f'<button role="tab" aria-selected="{str(name == chosen).lower()}" data-act="{act}"'
        f' data-value="{escape(name)}">{escape(text)}</button>'
        for name, text in words.items()
    )
    return f'<div class="tabs" role="tablist" aria-label="{escape(title)}">{items}</div>'
