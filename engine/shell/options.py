"""Options of ``fit`` and ``sweep`` that are of some models or some inferences only."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from engine.errors import ConfigError
from engine.registry import FAMILIES, Config

_OF_MODELS = [option for family in FAMILIES for option in family.options if option.models]
_MODELS = {
    flag: tuple(model for one in _OF_MODELS if one.flag == flag for model in one.models)
    for flag in dict.fromkeys(option.flag for option in _OF_MODELS)
}
_INFERENCES = {
    "--max-passes": ("laplace", "em"),
    "--max-epochs": ("vae",),
    "--tolerance": ("laplace", "em", "vae"),
    "--warmup": ("nuts",),
    "--draws": ("nuts",),
    "--chains": ("nuts",),
}


def choices(parser: argparse.ArgumentParser) -> None:
    """Arguments that say what to read of DATA where that can be read in several ways."""
    add = parser.add_argument
    add("--sample", help="of a folder of several samples: the one to read")
    add("--genome", help="read the genes of this genome alone")
    add(
        "--feature-type",
        metavar="TYPE",
        help="features to read, e.g. 'Antibody Capture', or 'all'; of .h5mu the modality (Gene "
        "Expression if there is any)",
    )
    add(
        "--cells-in",
        choices=("rows", "columns"),
        help="of a table or matrix that does not tell: where the cells are",
    )
    add(
        "--round",
        action=argparse.BooleanOptionalAction,
        help="round counts that a correction for ambient RNA left fractional",
    )


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """Those of `choices` that were given."""
    names = ("sample", "genome", "feature_type", "cells_in", "round")
    given = {name: getattr(options, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


class Noted(argparse.Action):
    """Keeps the value of an option, as is usual, and in ``given`` that it was given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Called by the parser."""
        setattr(namespace, self.dest, values)
        namespace.given = (*getattr(namespace, "given", ()), self.option_strings[0])


def belongs(option: str, config: Config) -> bool:
    """Whether an option means anything to a fit with these settings."""
    model, inference = _MODELS.get(option), _INFERENCES.get(option)
    return (model is None or config.model in model) and (
        inference is None or config.inference in inference
    )


def check_given(given: Iterable[str], config: Config) -> None:
    """Refuse options that would go unheard.

    Raises
    ------
    ConfigError
        If one is of another model or inference.
    """
    for option in given:
        if belongs(option, config):
            continue
        own, by = config.model, "model"
        fitting = _MODELS.get(option, (own,))
        if own in fitting:
            own, by, fitting = config.inference, "inference", _INFERENCES[option]
        raise ConfigError(
            f"options of --{by} {own}",
            f"{option}, which is of {' and '.join(fitting)}",
            f"Leave {option} out, or choose another {by}.",
        )
