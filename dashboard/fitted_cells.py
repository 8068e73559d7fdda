"""The cells of the open counts that a fit uses: those with a value of each covariate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.covariate_offers import complete
from engine.data import Counts
from engine.errors import ConfigError
from engine.jobs import CellSubset


def fitted_cells(counts: Counts, cells: pd.Index | None, formula: str | None) -> CellSubset | None:
    """The requested cells that have a value of each covariate; None for all open counts."""
    mask, words = np.ones(counts.n_cells, bool), []
    if cells is not None:
        mask = counts.cells.isin(cells)
        if mask.sum() != len(cells):
            raise ConfigError(
                "the counts of the selected cells",
                f"{len(cells) - int(mask.sum()):,} of them not in {counts.name}",
                "Open the data of the shown run.",
            )
        words.append(f"{len(cells):,} selected cells")
    known = complete(formula, counts.obs)
    if known.any() and not known[mask].all():
        words.append(f"without {int((mask & ~known).sum()):,} that lack a covariate")
        mask &= known
    return CellSubset(mask, ", ".join(words), cells is not None) if words else None
