"""Findings of a check, in words."""

from __future__ import annotations

from dashboard import html
from dashboard.cards.card import Card, Place
from dashboard.cards.check.shown_check import covered, missing
from dashboard.cards.check.tab_choices import CheckChoices
from dashboard.controls.run import duration
from dashboard.plots.check_bins import WORDS
from dashboard.state import AppState
from dashboard.templates import render
from engine.checks.predictive.discrepancies import THRESHOLDS
from engine.jobs import Checked

HEAD = html.heading(
    "What does not fit",
    "",
    "p = P(T(replicate) ≥ T(observed)), two-sided; q: Benjamini–Hochberg over genes",
    "Spoken of are misfits of at least 3 genes (0.5 % of them) with q ≤ 0.05 that are large enough "
    f"to matter: {THRESHOLDS}, correlations 0.1 off. Residuals of all pairs of genes are compared "
    "with those of draws made for that: a pair is named if it is further off than the furthest of "
    "all pairs is in draws. From the posterior and at the mode, cells are compared with draws "
    "that have seen them, so that p-values lie closer to 1/2 than uniform ones: small ones can be "
    "believed, and large ones prove nothing. Parameters are held at their estimates.",
)
NOTHING = "Nothing was found that is both significant and large enough to matter."
HEIGHT = 164
MODES = {"laplace": "from posterior", "map": "at the mode", "population": "new cells"}


class WordsView(Card):
    """A card of sentences."""

    tab, entry, place = "check", "findings", Place(0, 0)
    follows = ("choices.checked",)

    def __init__(self, state: AppState, choices: CheckChoices) -> None:
        self.begin(state)
        self.choices = choices
        self.said = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        self.build(
            HEAD,
            covered(self.said, missing(state, choices)),
            sizing_mode="stretch_width",
            height=HEIGHT,
        )

    def refresh(self, *_events: object) -> None:
        if self.choices.checked is not None:
            self.said.object = page(self.choices.checked)


def page(result: Checked) -> str:
    """HTML of the findings, the notes, and the numbers of the check."""
    check = result.check
    lines = [*(check.findings or [NOTHING]), *check.notes]
    if result.laplace is not None and result.laplace.warning is not None:
        lines.insert(0, f"Warning: {result.laplace.warning}")
    if check.n_failed:
        lines.append(f"Warning: the posterior of {check.n_failed:,} cells was not found.")
    return render("details.findings", lines, numbers(result))


def numbers(result: Checked) -> str:
    """Numbers of cells, draws and misfits, and the error of the approximation, in words."""
    check = result.check
    off = check.misfits
    own = off[off["group"] == check.genes["group"].iloc[0]]
    counted = own.groupby("discrepancy")["gene"].nunique()
    parts = [f"{WORDS[name]} {counted[name]:,}" for name in WORDS if name in counted]
    n_genes = check.genes["gene"].nunique()
    misfit = f"{own['gene'].nunique():,} of {n_genes:,} genes do not fit"
    words = f"{misfit} ({', '.join(parts)})" if parts else misfit
    settings = check.settings
    words += f" · {MODES[settings.mode]}, {check.n_cells:,} cells, {settings.n_draws:,} draws"
    words += f", {duration(result.seconds)}"
    if check.n_without_counts:
        words += f" · {check.n_without_counts:,} cells without counts left out"
    if result.laplace is not None and len(result.laplace.cells):
        cells = result.laplace.cells
        words += (
            f" · Laplace: {html.number(cells['difference'].mean(), 3)} nats a cell off, "
            f"largest Pareto k {html.number(cells['pareto_k'].max(), 2)} of {len(cells)} cells"
        )
    return words + "."
