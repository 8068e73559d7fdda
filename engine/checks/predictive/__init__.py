"""Posterior predictive checks: does the model make data like those it was given?"""

from engine.checks.predictive.check import (
    CheckProgress,
    PredictiveCheck,
    predictive_check,
    predictive_check_iter,
)
from engine.checks.predictive.settings import CheckSettings

__all__ = [
    "CheckProgress",
    "CheckSettings",
    "PredictiveCheck",
    "predictive_check",
    "predictive_check_iter",
]
