"""How well a fit describes cells, seen and unseen, and how its topics or factors read."""

from engine.checks.comparison import Contender, check_same_data, compare
from engine.checks.completion import CellScores, Score, complete, score, set_aside
from engine.checks.laplace import LaplaceQuality, laplace_quality
from engine.checks.predictive import (
    CheckProgress,
    CheckSettings,
    PredictiveCheck,
    predictive_check,
    predictive_check_iter,
)
from engine.checks.quality import Quality, quality
from engine.checks.sweep import Sweep, Trial, suggest, sweep

__all__ = [
    "CellScores",
    "CheckProgress",
    "CheckSettings",
    "Contender",
    "LaplaceQuality",
    "PredictiveCheck",
    "Quality",
    "Score",
    "Sweep",
    "Trial",
    "check_same_data",
    "compare",
    "complete",
    "laplace_quality",
    "predictive_check",
    "predictive_check_iter",
    "quality",
    "score",
    "set_aside",
    "suggest",
    "sweep",
]
