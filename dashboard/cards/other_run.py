"""Another run: reading it, comparing it, and two topics in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard import html, lists
from dashboard.cards.card import Card
from dashboard.cut import shorten
from dashboard.gene_ids import ids_of
from dashboard.naming import fetch
from dashboard.state import AppState
from dashboard.templates import render
from engine import summaries
from engine.distinct_labels import apart
from engine.jobs import Jobs
from engine.results import AnyFit

FINISHED = ("done", "stopped")
WORDS = {
    "correlation": ("Correlation", "correlation over cells"),
    "overlap": ("Gene overlap", "overlap of top genes"),
}
LISTED = 15


class BesideCard(Card):
    """A card of the factors of two runs; rows are those of the shown run."""

    choices: Any

    def choose_both(self, row: int, column: int) -> None:
        """Choose a factor of the shown run, and one of the other."""
        self.choices.beside = column
        self.state.choose_factor(row)

    def choose_row(self, rows: list[int]) -> None:
        """Choose a factor of the shown run with its best match, or none."""
        self.choices.beside = None
        self.state.choose_factor(rows[0] if rows else None)


@dataclass(frozen=True)
class Other:
    """Another run, compared with the one that is shown."""

    fit: AnyFit
    names: list[str]
    match: summaries.Match
    best: pd.DataFrame


# Characters of the name of a run that a select has room for.
LONGEST = 30


def runs(state: AppState) -> dict[str, str]:
    """Ids of the other runs that have a result -> labels that differ."""
    labels: dict[str, str] = {}
    for status in state.runs:
        if status.state in FINISHED and status.id != state.run:
            same = sum(words.split(" · #")[0] == status.name for words in labels.values())
            labels[status.id] = f"{status.name} · #{same + 1}" if same else status.name
    return dict(zip(labels, cut_runs(list(labels.values())), strict=True))


def cut_runs(names: Sequence[str]) -> list[str]:
    """Names of runs cut at their end, but in the middle where they begin alike."""
    begun = Counter(name[: LONGEST - 1] for name in dict.fromkeys(names))

    def label(name: str, longest: float) -> str:
        if len(name) <= longest or begun[name[: LONGEST - 1]] > 1:
            return shorten(name, longest)
        return f"{name[: int(longest) - 1].rstrip(' ·')}…"

    return apart(names, label, LONGEST)


def compared(fit: AnyFit, jobs: Jobs, run: str) -> Other | None:
    """Read a run and compare it with the fit; None if it has no result."""
    other, given = fetch(jobs, run)
    if other is None:
        return None
    names = list(given) if len(given) == other.n_factors else other.factor_names
    other = summaries.named_as(other, fit)
    match = summaries.match(fit, other)
    return Other(other, names, match, summaries.best_matches(match))


def page(fit: AnyFit, names: tuple[str, ...], other: Other, topic: int, place: int) -> str:
    """HTML of two topics: their similarity, and the top genes of both with shared ones marked."""
    r = float(other.match.correlation.to_numpy()[topic, place])
    overlap = float(other.match.overlap.to_numpy()[topic, place])
    shared = set(summaries.shared_genes(fit, topic, other.fit, place))
    facts = [
        f"r = {html.number(r, 2)} over {other.match.cells:,} cells"
        if np.isfinite(r)
        else "no correlation: too few cells in both, or one does not vary",
        f"{len(shared)} top genes in both (overlap {html.number(overlap, 2)})",
    ]
    tops = []
    for own, k, title in ((fit, topic, names[topic]), (other.fit, place, other.names[place])):
        ends = summaries.top_genes(own, k, LISTED)
        best = max(ends, key=lambda genes: len(shared & set(genes)))
        kinds = ["name shared" if gene in shared else "name" for gene in best]
        buttons = lists.genes(best, ids_of(own), kinds)
        tops.append(lists.rows(buttons, title, "tops"))
    head = f"{names[topic]} beside {other.names[place]}"
    return render("details.topics", head, " · ".join(facts), tops)
