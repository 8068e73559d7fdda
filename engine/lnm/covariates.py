"""Covariates of cells for a model: the design that a fit has, and its numbers for some cells."""

from __future__ import annotations

import numpy as np

from engine.data import Counts
from engine.lnm.arrays import FactorArrays
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design


def design_for(counts: Counts, config: LNMConfig, start: FactorArrays | None) -> Design | None:
    """The design of the fit to go on from, else that of the formula, if there is one."""
    if start is not None and (start.design is not None or not config.formula):
        return start.design
    return Design.of(config.formula, counts.obs) if config.formula else None


def covariates_of(design: Design | None, counts: Counts) -> np.ndarray | None:
    """(C, p) float32 of the cells; None without a design."""
    return None if design is None else design.encode(counts.obs)


def shift_of(fit: FactorArrays, counts: Counts) -> np.ndarray | None:
    """(C, p) covariates of cells under a fit; None if it has none."""
    return covariates_of(fit.design, counts)
