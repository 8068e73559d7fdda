"""Posterior predictive checks: does the model generate data like those observed?"""

from engine.checks.predictive.chart_points import (
    count_bars,
    gene_points,
    misfit_table,
    missed_points,
    pair_points,
)
from engine.checks.predictive.check import (
    CheckProgress,
    PredictiveCheck,
    predictive_check,
    predictive_check_iter,
)
from engine.checks.predictive.check_settings import CheckSettings
from engine.checks.predictive.subsets import genes_to_show

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
