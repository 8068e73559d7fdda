"""How well a fit describes cells, seen and unseen, and how its topics or factors read."""

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
from engine.checks.uncertainty import (
    CorrelationUncertainty,
    LoadingsUncertainty,
    TopicsUncertainty,
    TopicUncertainty,
    Uncertainty,
    UncertaintyProgress,
    bootstrap,
    bootstrap_iter,
    pairs_table,
    topic_bootstrap,
    topic_bootstrap_iter,
    uncertainty,
    uncertainty_iter,
)

__all__ = [
    "CellScores",
    "CheckProgress",
    "CheckSettings",
    "CorrelationUncertainty",
    "LaplaceQuality",
    "LoadingsUncertainty",
    "PredictiveCheck",
    "Quality",
    "Score",
    "Sweep",
    "TopicUncertainty",
    "TopicsUncertainty",
    "Trial",
    "Uncertainty",
    "UncertaintyProgress",
    "bootstrap",
    "bootstrap_iter",
    "complete",
    "laplace_quality",
    "pairs_table",
    "predictive_check",
    "predictive_check_iter",
    "quality",
    "score",
    "set_aside",
    "suggest",
    "sweep",
    "topic_bootstrap",
    "topic_bootstrap_iter",
    "uncertainty",
    "uncertainty_iter",
]
