"""Configurations: frozen, validated, hashable."""

from collections.abc import Mapping
from typing import Any

from engine.config.lda import MAX_TOPICS, Inference, LDAConfig
from engine.config.lnm import (
    FEWEST_DRAWS,
    MAX_FACTORS,
    CapturePrior,
    DMode,
    LNMConfig,
    LNMInference,
    Precision,
)
from engine.validation import AUTO

__all__ = [
    "AUTO",
    "FEWEST_DRAWS",
    "MAX_FACTORS",
    "MAX_TOPICS",
    "CapturePrior",
    "Config",
    "DMode",
    "Inference",
    "LDAConfig",
    "LNMConfig",
    "LNMInference",
    "Precision",
    "config_from_dict",
]

Config = LNMConfig | LDAConfig


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """The configuration that gave these values by its ``to_dict``.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of range.
    """
    kind = LDAConfig if "n_topics" in values else LNMConfig
    return kind.from_dict(values)
