"""Posterior predictive checks: does the model make data like those it was given?"""

from engine.checks.predictive.check import (
    CheckProgress,
    PredictiveCheck,
    predictive_check,
    predictive_check_iter,
)
from engine.checks.predictive.choices import genes_to_show
from engine.checks.predictive.points import (
    count_bars,
    gene_points,
    misfit_table,
    missed_points,
    pair_points,
)
from engine.checks.predictive.settings import CheckSettings

__all__ = [
    "CheckProgress",
    "CheckSettings",
    "PredictiveCheck",
    "count_bars",
    "gene_points",
    "genes_to_show",
    "misfit_table",
    "missed_points",
    "pair_points",
    "predictive_check",
    "predictive_check_iter",
]
