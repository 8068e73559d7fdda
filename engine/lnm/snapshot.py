"""Snapshot: builds a Fit from a point of the optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.data import Counts
from engine.fitting.status import Status
from engine.fitting.versions import versions
from engine.genes import OTHER
from engine.lnm.canonical import principal_axes
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design
from engine.lnm.effects import coefficients_of
from engine.lnm.fit import Capture, Fit, Totals
from engine.lnm.passes import Pass
from engine.lnm.point import Point, params_of


@dataclass(frozen=True)
class Snapshot:
    """Everything a Fit is made of; calling it makes one, in any thread.

    ``counts`` are the cells used, a subsample at first if there are many; ``data`` describes all
    cells. ``covariates`` (C, p) are those of the cells used.
    """

    counts: Counts
    config: LNMConfig
    point: Point
    totals: Totals
    capture: Capture | None
    trace: pd.DataFrame
    status: Status
    data: dict[str, Any]
    design: Design | None = None
    covariates: np.ndarray | None = None

    def __call__(self) -> Fit:
        """The fit, in CLR on principal axes."""
        params = params_of(self.point.theta, self.point.n_factors)
        loadings, rotation = principal_axes(params.loadings, self.counts.genes != OTHER)
        of_covariates: dict[str, Any] = {}
        if self.design is not None and self.covariates is not None:
            is_gene = np.asarray(self.counts.genes != OTHER)
            known = self.point, self.design, self.covariates, is_gene
            of_covariates = covariate_fields(*known)
        return Fit(
            config=self.config,
            genes=self.counts.genes,
            gene_ids=self.counts.gene_ids,
            reference=self.counts.reference,
            mean_clr=params.mean - params.mean.mean(),
            loadings=loadings,
            noise=np.where(self.point.has_noise, np.exp(params.log_noise), 0.0),
            totals=self.totals,
            trace=self.trace,
            prior=self.point.prior.to_dict(rotation),
            **of_covariates,
            versions=versions(),
            **cell_fields(self.counts, self.point.cells_pass, rotation, self.capture, self.status)
            | {"data": self.data},
        )


def cell_fields(
    counts: Counts, cells_pass: Pass, rotation: np.ndarray, capture: Capture | None, status: Status
) -> dict:
    """The fields of a Fit that describe its cells."""
    return {
        "cells": counts.cells,
        "scores": (cells_pass.latents.scores @ rotation).astype(np.float32),
        "scores_sd": cells_pass.scores_sd.astype(np.float32),
        "log_marginal": cells_pass.log_marginal,
        "total_counts": counts.totals,
        "capture": capture,
        "obs": counts.obs,
        "status": status,
        "data": counts.provenance(),
    }


def covariate_fields(
    point: Point, design: Design, covariates: np.ndarray, is_gene: np.ndarray
) -> dict[str, Any]:
    """The fields of a Fit on covariates; parameters as in `coefficients_of`."""
    coefficients, units = coefficients_of(point, design, covariates, is_gene)
    effects = point.effects - point.effects.mean(0)
    return {"design": design, "effects": effects, "coefficients": coefficients, "units": units}
