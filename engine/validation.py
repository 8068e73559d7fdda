"""Checks that the configurations share; each raises a ConfigError."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

from engine.errors import ConfigError

# A number of factors or topics that is to be chosen from the counts.
AUTO: Literal["auto"] = "auto"


def whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse all but whole numbers from low to high."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(
            f"{name} to be a whole number from {low} to {high}", repr(value), f"Change {name}."
        )


def settled(name: str, value: int | str) -> int:
    """The number; ConfigError if it is still to be chosen."""
    if isinstance(value, str):
        raise ConfigError(
            f"a number for {name}",
            f"{value!r}, which is to be chosen from the counts",
            "Fit by engine.fit, which chooses it, or give a number.",
        )
    return value


def finite(name: str, value: object) -> float:
    """Refuse all but finite numbers."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{name} to be a finite number", repr(value), f"Change {name}.")
    return number


def share(name: str, value: object) -> None:
    """Refuse all but numbers from 0 to below 1."""
    if not 0 <= finite(name, value) < 1:
        raise ConfigError(f"{name} to be from 0 to below 1", repr(value), f"Change {name}.")


def one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a value that is not among the choices."""
    if value not in choices:
        raise ConfigError(
            f"{name} to be one of {', '.join(map(repr, choices))}",
            repr(value),
            f"Choose one of them for {name}.",
        )


def check_names(kind: type, values: Mapping[str, Any]) -> None:
    """Refuse settings that a configuration does not have."""
    known = [field.name for field in dataclasses.fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(
            f"settings named {', '.join(known)}",
            f"unknown {', '.join(unknown)}",
            "Remove or rename them.",
        )
