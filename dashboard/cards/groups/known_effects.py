"""Effects of the covariates of a fit, worked out once for all cards."""

from __future__ import annotations

import pandas as pd

from engine import coefficients
from engine.per_fit import per_fit
from engine.results import AnyFit

NO_COVARIATES = (
    "This fit has no covariates. Add columns of the cells under Model, Covariates, such as a batch "
    "or donor, and fit: factors and correlations are then those within their levels."
)


@per_fit
def effects(fit: AnyFit) -> pd.DataFrame:
    """What `engine.coefficients` says of the fit."""
    return coefficients(fit)


def missing(fit: AnyFit | None) -> str:
    """Why there is nothing to show; empty if there is."""
    return "" if fit is not None and fit.can("covariates") else NO_COVARIATES
