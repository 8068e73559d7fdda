"""The selected cells: their labels, and how they differ from the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import html, lists
from dashboard.bare import bare_words, is_bare
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.wording import heading, words
from dashboard.cut import cut
from dashboard.export import Export
from dashboard.gene_ids import ids_of
from dashboard.runner import Runner
from dashboard.state import LABEL, AppState, default_colour
from dashboard.templates import render
from engine import summaries
from engine.results import AnyFit

HEAD = html.heading(
    "Cells",
    "Selected cells against all others.",
    "Δz = mean of selected − mean of others; Δz_j / s_j for factors, w_g·Δz / √(w_gᵀ S w_g) for "
    "genes, S the covariance of z within the two groups",
    "An effect is a difference in standard deviations within the groups. Genes differ by what the "
    "factors carry. Cells that were chosen by looking give no p-value: the answer was seen first.",
)
TOPICS = html.heading(
    "Cells",
    "Selected cells against all others.",
    "Δθ / s and Δ clr(Σ_k θ_k β_k) / s: means of selected − means of others, s the standard "
    "deviation within the two groups",
    "Genes come in the order of (p − q) log(p / q), p and q their mean proportions in the two "
    "groups; of a large group 2,000 cells stand for all. Genes differ by what the topics "
    "carry. Cells that were chosen by looking give no p-value: the answer was seen first.",
)
EMPTY = "Draw around cells, or click a label in their legend."
MEANING = (
    "Effect: difference of the means in standard deviations within the two groups. "
    "These cells were chosen by looking, so there is no p-value."
)
NO_DIFFERENCE = "Under such a model no gene differs between groups of cells."
SHARES = ["selected", "share_of_label", "share_of_selection"]
FIT = "fit-cells"
ALONE = "A new run of these cells alone, with the settings under Data and Model."
MOST_LABELS, FACTORS, GENES = 40, 6, 15


class ContrastView(Card):
    """Labels, factors and genes of the selected cells; computed only while it is shown."""

    tab, entry, place = "explore", "selected cells", Place(1, 1, 2)
    front, key, word = "state.detail", "cells", "Cells"
    follows = ("fit", "selected", "colour", "names")
    behind = True

    def __init__(self, state: AppState, browser: Browser, runner: Runner | None = None) -> None:
        self.begin(state)
        if runner is not None:
            browser.on(FIT, lambda _: runner.fit(state.selected))
        self._of: tuple[AnyFit, np.ndarray] | None = None
        self._contrast: summaries.Contrast | None = None
        self._pane = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        self.build(heading(state, HEAD, TOPICS), self._pane)

    def contrast(self) -> summaries.Contrast | None:
        """The selected cells against the others; None if either group has no cells."""
        fit, selected = self.state.fit, self.state.selected
        if fit is None or selected is None or selected.all():
            return None
        if self._of is None or self._of[0] is not fit or self._of[1] is not selected:
            self._of, self._contrast = (fit, selected), summaries.contrast(fit, selected)
        return self._contrast

    def update(self, *_events: object) -> None:
        state = self.state
        if state.fit is None or state.selected is None:
            self._of = self._contrast = None
            self._pane.object = html.empty(EMPTY)
        elif self.is_visible:
            self._pane.object = self._page(state.fit, state.selected)

    def _page(self, fit: AnyFit, selected: np.ndarray) -> str:
        contrast = self.contrast()
        parts = []
        if contrast is None:
            said = "All cells are selected: there are none to compare."
        elif is_bare(fit):
            said = f"{bare_words(fit)} {NO_DIFFERENCE}"
        else:
            said, latent = MEANING, words(fit).latent
            parts = [
                _factors(contrast.factors, self.state.names, latent),
                _genes(
                    contrast.genes,
                    "telling them apart" if self.state.is_topics else "by effect",
                    ids_of(fit),
                ),
            ]
        labels = _labels(fit, self.state.colour, selected)
        act = lists.press(FIT, "", "Fit these cells", kind="act", hover=ALONE)
        return render("details.cells", _counted(selected), act, labels, said, parts)

    def export(self) -> Export | None:
        contrast = self.contrast()
        if contrast is None or is_bare(self.state.fit):
            return None

        def draw() -> Any:
            from dashboard import figures

            return figures.bars(
                contrast.genes["effect"].head(2 * GENES),
                title="Selected cells against all others",
                xlabel="effect (standard deviations within groups)",
            )

        latents = contrast.factors.set_axis(self.state.names)
        kind = self.state.kind

        def table() -> pd.DataFrame:
            return pd.concat({kind: latents, "gene": contrast.genes}, names=["kind", "name"])

        return Export("selected cells", draw, table)


def _counted(selected: np.ndarray) -> str:
    count = int(np.count_nonzero(selected))
    share = lists.percent(count / len(selected), 1 if count < len(selected) / 10 else 0)
    return f"{count:,} of {len(selected):,} cells ({share})"


def _labels(fit: AnyFit, colour: str, selected: np.ndarray) -> str:
    """HTML table of the label that colours the cells, else of the default one."""
    for key in (colour, default_colour(fit)):
        name = key.removeprefix(LABEL)
        if key.startswith(LABEL) and name in fit.obs and not _is_number(fit.obs[name]):
            break
    else:
        return ""
    counts = summaries.label_counts(fit.obs[name], selected)
    present = counts[counts["selected"] > 0]
    lines = [
        [
            "missing" if pd.isna(label) else str(label),
            f"{count:,.0f}",
            lists.percent(of_label),
            lists.percent(of_selection),
        ]
        for label, (count, of_label, of_selection) in zip(
            present.index, present[SHARES].to_numpy(dtype=float), strict=True
        )
    ]
    left = f"{len(lines) - MOST_LABELS} more labels" if len(lines) > MOST_LABELS else ""
    head = [name, "selected", "of label", "of selection"]
    return render("details.labels", head, lines[:MOST_LABELS], left)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _factors(table: pd.DataFrame, names: list[str], latent: str) -> str:
    effects = table["effect"].to_numpy()
    strongest = np.argsort(-np.abs(effects), kind="stable")[:FACTORS].tolist()
    limit, labels = float(np.abs(effects).max()), cut(names)
    items = (
        lists.bar(
            lists.press("factor", str(j), labels[j], hover=names[j]), effects[j], limit, digits=1
        )
        for j in strongest
    )
    return lists.rows(items, f"{latent.capitalize()}s by effect (sd)", "weights")


def _genes(table: pd.DataFrame, how: str, ids: dict[str, str]) -> str:
    top = table.head(GENES)
    buttons = lists.genes(list(map(str, top.index)), ids)
    limit = float(top["effect"].abs().max()) if len(top) else 1.0
    items = (
        lists.bar(gene, effect, limit, lists.unit(difference, 2, "nats"), digits=1)
        for gene, (difference, effect) in zip(
            buttons, top[["difference", "effect"]].to_numpy(), strict=True
        )
    )
    return lists.rows(items, f"Genes {how}: effect (sd), difference in CLR (nats)", "partners")
