"""Registry of the models, one line for each family. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import ConfigError
from engine.fitting.family import Family
from engine.fitting.fit_protocol import FittedModel
from engine.fitting.model_config import ModelConfig
from engine.lda.family import TOPICS
from engine.lnm.family import LOG_RATIO

FAMILIES: tuple[Family, ...] = (
    LOG_RATIO,
    TOPICS,
)
MODELS: dict[str, Family] = {model: family for family in FAMILIES for model in family.models}

Config = ModelConfig
AnyFit = FittedModel


def find_family(of: object) -> Family | None:
    """The family of a fit or a configuration; None for anything else."""
    model = getattr(of, "model", None)
    return MODELS.get(model) if isinstance(model, str) else None


def family_of(of: FittedModel | ModelConfig) -> Family:
    """The family of a fit or a configuration.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    family = find_family(of)
    if family is None:
        raise ConfigError(
            f"a fit or a configuration of {', '.join(MODELS)}",
            f"an object of type {type(of).__name__}",
            "Fit one of these models.",
        )
    return family


def family_of_settings(values: Mapping[str, Any]) -> Family:
    """The family whose configuration gave these values by its ``to_dict``.

    Older ones do not name their model. It is then of the last family whose number of latents is
    among the values, or of the first family if there is no such number.
    """
    model = values.get("model")
    if isinstance(model, str) and model in MODELS:
        return MODELS[model]
    named = [family for family in FAMILIES if family.config.size_name() in values]
    return (named or FAMILIES[:1])[-1]


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """The configuration that gave these values by its ``to_dict``.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of range.
    """
    return family_of_settings(values).config.from_dict(values)
