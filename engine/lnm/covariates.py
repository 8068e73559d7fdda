"""Covariates of cells for a model: the design that a fit has, and its numbers for some cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.lnm.arrays import FactorArrays
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design
from engine.per_fit import per_fit


def design_for(obs: pd.DataFrame, config: LNMConfig, start: FactorArrays | None) -> Design | None:
    """The design of the fit to go on from, else that of the formula for cells with these labels.

    Raises
    ------
    ConfigError
        If the fit to go on from has another formula, or see `Design.of`.
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
    """(C, p) float32 of cells with these labels; None without a design."""
    return None if design is None else design.encode(obs)


def mean_of(fit: FactorArrays, obs: pd.DataFrame) -> np.ndarray:
    """Mean logits of cells with these labels: (C, G) with covariates, else (G,)."""
    covariates = covariates_of(fit.design, obs)
    mean = fit.mean_clr
    return mean if covariates is None else np.asarray(mean + covariates @ fit.effects.T)


@per_fit
def own_covariates(fit: FactorArrays) -> np.ndarray | None:
    """(C, p) of the cells of the fit; None if it has none."""
    return covariates_of(fit.design, fit.obs)
