"""The arrays of a fit of factors, and values derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from engine.fitting.estimates import Estimates
from engine.fitting.linear import LinearFit
from engine.fitting.saved import Stored
from engine.fitting.vocabulary import Vocabulary
from engine.lnm.config import LNMConfig
from engine.lnm.covariate_columns import level_names
from engine.lnm.design import Design


@dataclass(frozen=True)
class Capture:
    """Posterior of the capture latent of each cell; efficiency = exp(-eta)."""

    eta: np.ndarray
    eta_sd: np.ndarray
    efficiency: np.ndarray
    efficiency_sd: np.ndarray


@dataclass(frozen=True)
class Totals:
    """Negative binomial of the total counts: variance = mean + mean^2 / concentration.

    For LNMVCP ``mean`` is the mean at capture efficiency 1, and ``eta_location`` and
    ``eta_scale`` are the prior of eta that all cells share: with ``capture_prior="population"``
    that of every cell, with ``"anchored"`` that of a new one, whose total is not known.
    ``alternatives`` are other values that explain the totals about as well (weight, location,
    scale, concentration); the capture efficiencies are averages over them. With a fixed
    categorical covariate ``by``, each of its ``levels`` has totals of its own.
    """

    mean: float
    concentration: float
    eta_location: float | None = None
    eta_scale: float | None = None
    alternatives: tuple[tuple[float, float, float, float], ...] = ()
    by: str = ""
    levels: tuple[tuple[str, Totals], ...] = ()

    def parts(self, obs: pd.DataFrame) -> list[tuple[np.ndarray, Totals]]:
        """Positions of the cells that share a distribution of totals, and this distribution."""
        if not self.levels:
            return [(np.arange(len(obs)), self)]
        known, names = dict(self.levels), level_names(obs, self.by)
        return [
            (np.flatnonzero(names == name), known.get(name, self))
            for name in dict.fromkeys(names.tolist())
        ]

    @classmethod
    def of(cls, values: dict[str, Any]) -> Totals:
        """From plain values, as JSON has them."""
        # JSON has no tuples.
        others = [tuple(one) for one in values.get("alternatives", ())]
        levels = tuple((str(name), cls.of(one)) for name, one in values.get("levels", ()))
        return cls(**{**values, "alternatives": tuple(others), "levels": levels})


class FactorArrays(LinearFit):
    """The arrays of a `Fit`, which documents them."""

    vocabulary = Vocabulary(
        latent="factor",
        model="LNM or LNMVCP",
        loading="CLR loading",
        share="CLR variance",
        share_column="explained_variance",
    )
    config_type = LNMConfig
    stored: ClassVar[Mapping[str, Stored]] = {
        "log_marginal": Stored("obs", "log_marginal"),
        "mean_clr": Stored("var", "lnm_mean_clr"),
        "noise": Stored("var", "lnm_noise", 0.0),
        "scores": Stored("obsm", "X_lnm"),
        "scores_sd": Stored("obsm", "X_lnm_sd", 0.0),
        "loadings": Stored("varm", "lnm_loadings"),
    }

    config: LNMConfig
    reference: int
    scores_sd: np.ndarray
    log_marginal: np.ndarray
    totals: Totals
    capture: Capture | None
    prior: dict[str, Any]
    diagnostics: dict[str, Any]
    draws: dict[str, np.ndarray]
    design: Design | None
    effects: np.ndarray
    coefficients: tuple[Estimates, ...]
    units: tuple[str, ...]

    @property
    def log_marginal_per_cell(self) -> float:
        """Mean log-marginal likelihood of a cell, nats."""
        return float(np.mean(self.log_marginal))
