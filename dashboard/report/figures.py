"""The figures of a report: those of the views as they stand, and what they lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard import choosing
from dashboard.bare import NO_FINDING, by_counts, is_bare
from dashboard.bare import TITLES as TITLES_BARE
from dashboard.cards.colouring import colouring, score_title
from dashboard.export import Export
from dashboard.plots.heatmap import clustered
from dashboard.plots.loadings import leading_genes, top_loadings
from dashboard.plots.words import Words
from dashboard.state import AppState, default_colour
from engine import summaries
from engine.data import DataRequest
from engine.errors import EngineError
from engine.results import AnyFit, selection_of

MOST_GENES, MOST_BARS = 100, 30
# What a reader has to know, by the name of the view's export menu.
CAPTIONS = {
    "histograms": "Cells by their total counts over all genes, and by the modelled genes that they "
    "have a count of.",
    "cells": "One point a cell. Distances between separate groups, and the density of points, "
    "mean little in a UMAP.",
    "correlations": "CLR correlations under the model, relative to the geometric mean of the "
    "modelled genes; ordered by average linkage on 1 − r.",
    "loadings": "What each {kind} does to the genes, of all and of one; above, how much it takes. "
    "Loadings are known up to rotation and shown on their principal axes.",
    "map": "Near one another: alike in genes. The area is what each {kind} takes.",
    "counts of genes": "Cells by their counts of a gene, over bands that hold 50 % and 90 % of the "
    "counts that the fit draws.",
    "table of genes": "Genes whose counts differ from those that the fit draws, by what differs.",
    "structure": "One column a cell, in the groups of a label.",
}
NO_ROTATION = "What each topic does to the genes, of all and of one; above, how much it takes."
# Of a fit without factors.
BARE = {
    "cells": "One point a cell: how many counts it has, and how likely they are under the fit.",
    "correlations": f"{NO_FINDING} CLR correlations that come of the closure alone, relative to "
    "the geometric mean of the modelled genes.",
}
TITLES = {
    "histograms": "Total counts and detected genes",
    "cells": "Cells",
    "correlations": "Gene correlations",
}
Offers = Mapping[str, Callable[[], Export | None]]


@dataclass(frozen=True)
class Figure:
    """One figure of a report."""

    title: str
    caption: str
    export: Export


def as_they_stand(state: AppState) -> dict[str, Export]:
    """What the views show of the open run, by the names of their menus; call it on the page's turn.

    Views in hidden tabs that still show another fit are left out, as are histograms of other data.
    """
    found: dict[str, Export] = {}
    for name, offer in state.exports.items():
        export = offer()
        if export is None or (export.of is not None and export.of is not state.fit):
            continue
        if name == "histograms" and not _same_data(state):
            continue
        found[name] = export
    return found


def _same_data(state: AppState) -> bool:
    status = state.status
    try:
        return status is not None and DataRequest.from_dict(status.request) == state.loaded
    except EngineError:
        return False


def complete(
    fit: AnyFit, shown: Mapping[str, Export], xy: np.ndarray | None = None
) -> list[Figure]:
    """The shown figures, and those that every report has if they are not among them.

    Parameters
    ----------
    xy
        (C, 2) UMAP coordinates; without them, cells by the scores of the first two factors.
    """
    kind = fit.latent
    wanted: dict[str, Callable[[], Export]] = {
        "cells": lambda: cells(fit, xy),
        "correlations": lambda: correlations(fit),
    }
    if not is_bare(fit):
        wanted["loadings"] = lambda: loadings(fit)
    if (chosen := choosing.export(fit)) is not None:
        wanted[choosing.NAME] = lambda: chosen
    if fit.can("mixtures"):
        wanted |= {"map": lambda: topic_map(fit), "structure": lambda: structure(fit)}
    names = ["histograms"] if "histograms" in shown else []
    names += [*wanted, *(name for name in shown if name not in wanted and name not in names)]
    figures = []
    for name in names:
        export = shown[name] if name in shown else wanted[name]()
        caption = CAPTIONS.get(name, "")
        if name == "loadings" and fit.can("mixtures"):
            caption = NO_ROTATION
        if is_bare(fit) and name in BARE:
            caption = BARE[name]
        if name == choosing.NAME and (found := selection_of(fit)) is not None:
            caption = choosing.caption(found)
        title = TITLES.get(name, export.name[:1].upper() + export.name[1:])
        figures.append(Figure(title, caption.format(kind=kind), export))
    return figures


def cells(fit: AnyFit, xy: np.ndarray | None) -> Export:
    """Cells coloured by their label, if they have one, else by the first factor."""
    titles, names = ("UMAP 1", "UMAP 2"), fit.factor_names
    if is_bare(fit):
        xy, titles = by_counts(fit), TITLES_BARE
    elif xy is None or len(xy) != len(fit.cells):
        second = min(1, fit.n_factors - 1)
        xy = summaries.scores(fit)[:, [0, second]]
        titles = score_title(fit, names[0]), score_title(fit, names[second])
    place, shown = xy, colouring(fit, default_colour(fit), 0)

    def draw() -> Any:
        from dashboard import figures

        return figures.cells(place, shown, titles=titles)

    def table() -> pd.DataFrame:
        # It brings Panel along, which only a page needs otherwise.
        from dashboard.cards.explore.cell_map import cell_table

        return cell_table(fit.cells, place, titles, shown, None)

    return Export("cells", draw, table)


def correlations(fit: AnyFit) -> Export:
    """The genes that move most."""
    table = clustered(summaries.clr_correlation(fit, summaries.programme_genes(fit, MOST_GENES)))

    def draw() -> Any:
        from dashboard import figures

        return figures.heatmap(table)

    return Export("correlations", draw, lambda: table)


def loadings(fit: AnyFit) -> Export:
    """All factors or topics, and the genes of the first."""
    topics = fit.can("mixtures")
    table, shares = summaries.loadings(fit), summaries.factor_shares(fit)
    weights = summaries.weights(fit) if topics else None
    first = table.iloc[:, 0]
    bars = top_loadings(first, MOST_BARS // 2)
    if weights is not None:
        bars = first[weights.iloc[:, 0].nlargest(MOST_BARS).index]
        bars = bars.sort_values(ascending=False, kind="stable")

    def draw() -> Any:
        from dashboard import figures

        genes, words = leading_genes(table, weights), Words.of(fit)
        return figures.loadings(genes, shares, bars, factor=0, words=words)

    return Export("topics" if topics else "loadings", draw, lambda: table)


def topic_map(fit: AnyFit) -> Export:
    """Where the topics lie."""
    placed = summaries.topic_placement(fit)
    table = placed.table.set_axis(pd.Index(fit.factor_names, name=fit.latent))

    def draw() -> Any:
        from dashboard import figures

        return figures.topic_map(table, placed.explained)

    return Export("topic map", draw, lambda: table)


def structure(fit: AnyFit) -> Export:
    """Proportions of cells, grouped by the first label."""
    column = next(iter(summaries.grouping_columns(fit)), None)
    table = summaries.structure(fit, column).set_axis(fit.factor_names, axis=1)

    def draw() -> Any:
        from dashboard import figures

        return figures.topic_structure(table, column or "")

    return Export("structure", draw, lambda: table)


def convergence(fit: AnyFit) -> Export | None:
    """How the objective went; None of fewer than two passes."""
    if np.isfinite(fit.trace.get("log_marginal_per_cell", pd.Series(dtype=float))).sum() < 2:
        return None

    def draw() -> Any:
        from dashboard import figures

        return figures.trace(fit.trace, unit=pass_word(fit))

    return Export("convergence", draw, lambda: fit.trace.set_index("pass"))


def pass_word(fit: AnyFit) -> str:
    """The word for a pass over the cells."""
    return "epoch" if fit.config.inference == "vae" else "pass"
