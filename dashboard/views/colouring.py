"""What may colour the cells of a fit -> their colours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.plots.colours import Colouring, colour_labels, colour_numbers
from dashboard.state import CAPTURE, LABEL, TOTAL_COUNTS
from engine.results import Fit

CAPTURE_PRIORS = {
    "anchored": "anchored to each cell's library size",
    "population": "shared by all cells",
}


def colouring(fit: Fit, key: str, factor: int) -> Colouring:
    """Colours of the cells of a fit.

    Parameters
    ----------
    key
        One of the values of `AppState.colours`; anything else colours by the factor.
    """
    if key == TOTAL_COUNTS:
        return colour_numbers(np.log10(fit.total_counts), "total counts (log10)")
    if key == CAPTURE and fit.capture is not None:
        prior = CAPTURE_PRIORS[fit.config.capture_prior]
        return colour_numbers(fit.capture.efficiency, f"capture efficiency; prior {prior}")
    name = key.removeprefix(LABEL)
    if key.startswith(LABEL) and name in fit.obs:
        column = fit.obs[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            return colour_numbers(column.to_numpy(), name)
        return colour_labels(column, name)
    title = f"factor {factor + 1} score (prior sd)"
    return colour_numbers(fit.scores[:, factor], title, diverging=True)
