"""Why a fit has its number of factors or topics: the table, the words and the figure."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import html, lists
from dashboard.export import Export
from dashboard.templates import render
from engine.results import AnyFit, Selection, selection_of
from engine.text import count

# First word of the phases in which a number of factors or topics is chosen.
CHOOSING = "choosing"
ACT = "tab"
# Name of the export menu, and so of the figure in a report.
NAME = "number"
TITLES = ("", "nats per count behind", "perplexity", "genes beyond vary", "seconds")
BEYOND = {True: "together", False: "by chance alone", None: "not looked at"}
CAPTION = (
    "How much worse than the best each number predicts the counts of held-out cells, with the "
    "standard error of the difference, cell by cell. The band marks the number that was chosen."
)
HOLLOW = " Hollow: genes vary together beyond it; grey: not looked at."


def phase(text: str) -> str:
    """The phase of a run in words; a number alone becomes “trying 12”, for example."""
    what, _, tried = text.partition(": ")
    if not what.startswith(CHOOSING) or not tried:
        return text
    return f"{what}: {'trying' if tried.isdecimal() else 'looking at'} {tried}"


def latents(fit: AnyFit) -> str:
    """The plural word for the latents of a fit: ``factors`` or ``topics``."""
    return f"{fit.config.latent}s"


def table(result: Selection) -> pd.DataFrame:
    """One row a number that was tried, from the smallest."""
    rows = [
        {
            "value": one.size,
            "chosen": one.size == result.size,
            "behind": one.behind,
            "behind_error": one.behind_error,
            "perplexity": one.perplexity,
            "structure": one.structure,
            "seconds": one.seconds,
        }
        for one in result.tried
    ]
    return pd.DataFrame(rows).astype({"structure": object})


def caption(result: Selection) -> str:
    """Caption of the figure."""
    return CAPTION + (HOLLOW if any(one.structure is not None for one in result.tried) else "")


def cells(result: Selection) -> str:
    """A sentence on the cells that the numbers were fitted to and compared on."""
    scored = count(result.n_held_out, "other cell")
    return f"Each was fitted to {count(result.n_fitted, 'cell')} and scored on {scored}."


def rows(result: Selection) -> list[list[str]]:
    """Rows of the table as text, below `titles`; without the test of structure if none was made."""
    looked = any(one.structure is not None for one in result.tried)
    lines = []
    for one in result.tried:
        behind = f"{one.behind:.2g} ± {one.behind_error:.1g}" if one.behind else "best"
        line = [
            f"{one.size}{' (chosen)' if one.size == result.size else ''}",
            behind,
            f"{one.perplexity:,.5g}",
            *([BEYOND[one.structure]] if looked else []),
            html.number(one.seconds, 1),
        ]
        lines.append(line)
    return lines


def titles(result: Selection) -> list[str]:
    """Column titles of `rows`."""
    looked = any(one.structure is not None for one in result.tried)
    return [title for title in TITLES if looked or title != TITLES[3]]


def page(fit: AnyFit, result: Selection, warning: str = "") -> str:
    """HTML of the reason for the number, with the table of the numbers tried."""
    parts = titles(result), rows(result), cells(result)
    return render("details.tried", _size_words(fit), warning, result.reason, *parts)


def why(fit: AnyFit | None) -> str:
    """HTML of a button that shows why the number was chosen; empty if a person gave it."""
    if fit is None or selection_of(fit) is None:
        return ""
    label = f"Why {_size_words(fit)}: what was tried, and how well it did"
    return lists.press(ACT, "data", f"why {fit.n_factors}?", kind="act", label=label)


def _size_words(fit: AnyFit) -> str:
    return count(fit.n_factors, latents(fit).removesuffix("s"))


def line(fit: AnyFit | None) -> str:
    """HTML of `why` as a line of its own."""
    if fit is None or not (button := why(fit)):
        return ""
    return html.note(f"{_size_words(fit)}, chosen from the counts.", button)


def export(fit: AnyFit | None) -> Export | None:
    """The figure and its table; None if a person gave the number."""
    selection = selection_of(fit) if fit is not None else None
    if fit is None or selection is None:
        return None
    tried, parameter = table(selection), latents(fit)

    def draw() -> Any:
        from dashboard import figures

        return figures.sweep(tried, "behind", parameter=parameter, suggested=selection.size)

    return Export(
        f"number of {parameter}", draw, lambda: tried.set_index("value").rename_axis(parameter), fit
    )
