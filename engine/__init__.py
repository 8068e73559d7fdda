"""Log-ratio and topic models of single-cell counts: fit, summarise, check."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine import checks, results, summaries
    from engine.comparing import (
        coefficients,
        differences,
        differential,
        differential_by,
        latent_differences,
    )
    from engine.data import Counts, DataRequest, read_counts, split_counts
    from engine.errors import ConfigError, DataError, EngineError, FitError
    from engine.fitting.training_config import Training
    from engine.inference import (
        Progress,
        elbo,
        feature_by_topic,
        perplexity,
        topic_proportions,
        transform,
    )
    from engine.lda.config import LDAConfig
    from engine.lnm.config import LNMConfig
    from engine.results import Fit, TopicFit, load
    from engine.selection import fit, fit_iter

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
    "Training",
    "checks",
    "coefficients",
    "differences",
    "differential",
    "differential_by",
    "elbo",
    "feature_by_topic",
    "fit",
    "fit_iter",
    "latent_differences",
    "load",
    "perplexity",
    "read_counts",
    "results",
    "split_counts",
    "summaries",
    "topic_proportions",
    "transform",
]

_PACKAGES = ("checks", "results", "summaries")
# JAX takes seconds to import: only modules that need it import it.
_ELSEWHERE = {
    "engine.comparing": (
        "coefficients",
        "differences",
        "differential",
        "differential_by",
        "latent_differences",
    ),
    "engine.data": ("Counts", "DataRequest", "read_counts", "split_counts"),
    "engine.errors": ("ConfigError", "DataError", "EngineError", "FitError"),
    "engine.fitting.training_config": ("Training",),
    "engine.lda.config": ("LDAConfig",),
    "engine.lnm.config": ("LNMConfig",),
    "engine.results": ("Fit", "TopicFit", "load"),
    "engine.selection": ("fit", "fit_iter"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _PACKAGES:
        return import_module(f"engine.{name}")
    modules = (module for module, names in _ELSEWHERE.items() if name in names)
    value = globals()[name] = getattr(import_module(next(modules, "engine.inference")), name)
    return value
