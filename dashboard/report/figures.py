"""The figures of a report: those that the views show, and those that are missing there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard.cards import catalogue
from dashboard.export import Export
from dashboard.state import AppState
from engine.data import DataRequest
from engine.errors import EngineError
from engine.results import AnyFit

# Tabs in the order of their figures.
ORDER = ("explore", "data", "topics", "groups", "check", "compare")
HISTOGRAMS = "histograms"


@dataclass(frozen=True)
class Figure:
    """One figure of a report."""

    title: str
    caption: str
    export: Export

    @classmethod
    def of(cls, export: Export) -> Figure:
        """The figure of an export, with its title and caption."""
        title = export.title or export.name[:1].upper() + export.name[1:]
        return cls(title, export.caption, export)


def as_they_stand(state: AppState) -> dict[str, Export]:
    """Exports of the views of the open run, by the names of their menus.

    To be called on the document of the session. Views in hidden tabs that still show another fit
    are left out, as are histograms of other data.
    """
    exports: dict[str, Export] = {}
    for name, offer in state.exports.items():
        export = offer()
        if export is None or (export.of is not None and export.of is not state.fit):
            continue
        if name == HISTOGRAMS and not _same_data(state):
            continue
        exports[name] = export
    return exports


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
    exports = dict[str, Export]()
    if HISTOGRAMS in shown:
        exports[HISTOGRAMS] = shown[HISTOGRAMS]
    for kind in (kind for tab in ORDER for kind in catalogue.cards(tab)):
        if kind.front:
            continue
        export = shown.get(kind.entry) or kind.entitled(kind.of_fit(fit, xy), fit)
        if kind.entry not in exports and export is not None:
            exports[kind.entry] = export
    exports |= {name: export for name, export in shown.items() if name not in exports}
    return [Figure.of(export) for export in exports.values()]


def convergence(fit: AnyFit) -> Export | None:
    """Export of the trace of the objective; None for fewer than two passes."""
    if np.isfinite(fit.trace.get("log_marginal_per_cell", pd.Series(dtype=float))).sum() < 2:
        return None

    def draw() -> Any:
        from dashboard import figures

        return figures.trace(fit.trace, unit=pass_word(fit))

    return Export("convergence", draw, lambda: fit.trace.set_index("pass"))


def pass_word(fit: AnyFit) -> str:
    """The word for a pass over the cells."""
    return "epoch" if fit.config.inference == "vae" else "pass"
