"""Choices that a source may need before it can be read: which sample, which features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.data.reader_errors import shorten, shortened
from engine.errors import DataError

ROWS, COLUMNS = "rows", "columns"
ALL = "all"
# Name -> option of the shell, and what the page calls it.
OPTIONS = {
    "sample": ("--sample", "Sample"),
    "genome": ("--genome", "Genome"),
    "feature_type": ("--feature-type", "Feature type"),
    "cells_in": ("--cells-in", "Cells in"),
    "round": ("--round", "Round corrected counts"),
}
MOST_SHOWN = 12


@dataclass(frozen=True)
class Choices:
    """How to read a source that can be read in several ways; None leaves it to the program.

    Attributes
    ----------
    sample
        Which of several samples or parts of a folder.
    genome
        Genes of this genome alone.
    feature_type
        Features of this type ("Gene Expression" if there are any), or "all"; of an .h5mu the
        modality.
    cells_in
        Whether cells are "rows" or "columns", if a table or matrix does not say so.
    round
        Whether to round counts that a correction for ambient RNA left fractional.
    """

    sample: str | None = None
    genome: str | None = None
    feature_type: str | None = None
    cells_in: str | None = None
    round: bool = False


@dataclass(frozen=True)
class Offer:
    """A choice that a source offers: its name, its options and the chosen one ('' for none)."""

    name: str
    options: tuple[str, ...]
    chosen: str = ""


@dataclass(frozen=True, eq=False)
class Notes:
    """Messages and choices that come up while a source is opened.

    Attributes
    ----------
    reasons
        Sentences: what was read, and why.
    warnings
        Sentences: what was guessed or left out.
    offers
        Choices that the source offers.
    """

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()

    def __add__(self, other: Notes) -> Notes:
        return Notes(
            self.reasons + other.reasons,
            self.warnings + other.warnings,
            self.offers + other.offers,
        )


NOTHING = Notes()


class ChoiceNeeded(DataError):
    """A source that can be read once a choice is made: ``offer``."""

    def __init__(self, expected: str, got: str, remedy: str, offer: Offer | None = None) -> None:
        super().__init__(expected, got, remedy)
        self.offer = offer


def how_to(name: str, value: str = "") -> str:
    """How to make a choice, in the shell and on the page."""
    option, label = OPTIONS[name]
    quoted = f'"{value}"' if " " in value else value
    return f"{option}{' ' if quoted else ''}{quoted} (on the page: {label})"


def listed(names: Iterable[str], most: int = MOST_SHOWN) -> str:
    """Names with commas, the first few."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(shortened(every[:most])) + more


def pick(name: str, request: str, options: Iterable[str]) -> str:
    """The chosen option of an offer.

    Raises
    ------
    ChoiceNeeded
        If it is not among them.
    """
    offered = list(options)
    for option in offered:
        if option.casefold() == request.casefold():
            return option
    raise ChoiceNeeded(
        f"{OPTIONS[name][1].lower()} to be one of {listed(offered)}",
        shorten(repr(request)),
        f"Choose one of them by {how_to(name)}.",
        Offer(name, tuple(offered)),
    )
