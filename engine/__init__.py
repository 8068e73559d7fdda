"""Log-ratio and topic models of single-cell counts: fit, summarise, check."""

from engine import summaries
from engine.config import LDAConfig, LNMConfig
from engine.data import Counts, DataRequest, read_counts
from engine.errors import ConfigError, DataError, EngineError, FitError
from engine.inference import (
    Progress,
    elbo,
    feature_by_topic,
    fit,
    fit_iter,
    perplexity,
    topic_proportions,
    transform,
)
from engine.results import Fit, TopicFit, load

__all__ = [
    "ConfigError",
    "Counts",
    "DataError",
    "DataRequest",
    "EngineError",
    "Fit",
    "FitError",
    "LDAConfig",
    "LNMConfig",
    "Progress",
    "TopicFit",
    "elbo",
    "feature_by_topic",
    "fit",
    "fit_iter",
    "load",
    "perplexity",
    "read_counts",
    "summaries",
    "topic_proportions",
    "transform",
]
