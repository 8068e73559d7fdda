"""Log-ratio models of single-cell counts: fit, summarise, check."""

from engine import summaries
from engine.config import LDAConfig, LNMConfig
from engine.data import Counts, DataRequest, read_counts
from engine.errors import ConfigError, DataError, EngineError, FitError
from engine.inference import Progress, fit, fit_iter, transform
from engine.results import Fit, load

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
    "fit",
    "fit_iter",
    "load",
    "read_counts",
    "summaries",
    "transform",
]
