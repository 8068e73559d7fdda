"""Covariates of cells: the design of a fit, and its values for given cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.lnm.arrays import FactorArrays
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design
from engine.per_fit import per_fit


def design_for(obs: pd.DataFrame, config: LNMConfig, start: FactorArrays | None) -> Design | None:
    """The design of ``start``, else that of the formula for cells with these labels.

    Raises
    ------
    ConfigError
        If ``start`` has another formula; see also `Design.of`.
    """
    if start is None:
        return Design.of(config.formula, obs) if config.formula else None
    before = start.design.formula if start.design else None
    if before != config.formula:
        raise ConfigError(
            f"a fit with the formula {config.formula or 'none'}",
            f"one with {before or 'none'}",
            "Start a new fit.",
        )
    return start.design


def covariates_of(design: Design | None, obs: pd.DataFrame) -> np.ndarray | None:
    """(C, p) float32 covariates of cells with these labels; None without a design."""
    return None if design is None else design.encode(obs)


def mean_of(fit: FactorArrays, obs: pd.DataFrame) -> np.ndarray:
    """Mean logits of cells with these labels: (C, G) with covariates, else (G,)."""
    covariates = covariates_of(fit.design, obs)
    mean = fit.mean_clr
    return mean if covariates is None else np.asarray(mean + covariates @ fit.effects.T)


@per_fit
def own_covariates(fit: FactorArrays) -> np.ndarray | None:
    """(C, p) covariates of the cells of the fit; None without a design."""
    return covariates_of(fit.design, fit.obs)
