"""How well a fit describes cells: those that it has not seen, and those that it has."""

from engine.checks.completion import Score, score, set_aside
from engine.checks.predictive import (
    CheckProgress,
    CheckSettings,
    PredictiveCheck,
    predictive_check,
    predictive_check_iter,
)

__all__ = [
    "CheckProgress",
    "CheckSettings",
    "PredictiveCheck",
    "Score",
    "predictive_check",
    "predictive_check_iter",
    "score",
    "set_aside",
]
