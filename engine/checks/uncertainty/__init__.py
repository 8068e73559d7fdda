"""Uncertainty of correlations, loadings and topics."""

from engine.checks.uncertainty.bootstrap import bootstrap, bootstrap_iter
from engine.checks.uncertainty.iterate import UncertaintyProgress, uncertainty, uncertainty_iter
from engine.checks.uncertainty.pair_table import pairs_table
from engine.checks.uncertainty.result import (
    CorrelationUncertainty,
    LoadingsUncertainty,
    Uncertainty,
)
from engine.checks.uncertainty.shrinkage import SMALL
from engine.checks.uncertainty.topic_refits import (
    TopicsUncertainty,
    TopicUncertainty,
    topic_bootstrap,
    topic_bootstrap_iter,
)

__all__ = [
    "SMALL",
    "CorrelationUncertainty",
    "LoadingsUncertainty",
    "TopicUncertainty",
    "TopicsUncertainty",
    "Uncertainty",
    "UncertaintyProgress",
    "bootstrap",
    "bootstrap_iter",
    "pairs_table",
    "topic_bootstrap",
    "topic_bootstrap_iter",
    "uncertainty",
    "uncertainty_iter",
]
