"""Effects of the covariates of a fit, computed once for all cards."""

from __future__ import annotations

import pandas as pd

from engine import coefficients
from engine.per_fit import per_fit
from engine.results import AnyFit

NO_COVARIATES = (
    "This fit has no covariates. Add columns of the cells under Model, Settings of the model, such "
    "as a batch or donor, and fit: factors and correlations are then those within their levels."
)
NONE_FIXED = (
    "This fit has random effects alone, which have no coefficients. Add a fixed covariate, such as "
    "a condition, and fit."
)
NOT_OF_MODEL = "Topics have no covariates. Fit LNM or LNMVCP with a label of the cells to see some."


@per_fit
def effects(fit: AnyFit) -> pd.DataFrame:
    """`engine.coefficients` of the fit."""
    return coefficients(fit)


def missing(fit: AnyFit | None) -> str:
    """Why there is nothing to show; empty if there is."""
    if fit is None or not fit.can("covariates"):
        return NOT_OF_MODEL if fit is not None and not fit.can("differences") else NO_COVARIATES
    return "" if fit.covariate_effects() else NONE_FIXED
