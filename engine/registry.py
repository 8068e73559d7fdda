"""The models that there are: their configurations and their fits. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit
from engine.lnm.config import LNMConfig
from engine.lnm.fit import Fit

Config = LNMConfig | LDAConfig
AnyFit = Fit | TopicFit


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """The configuration that gave these values by its ``to_dict``.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of range.
    """
    kind = LDAConfig if "n_topics" in values else LNMConfig
    return kind.from_dict(values)
