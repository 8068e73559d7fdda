"""Groups of cells as a shell names them: COLUMN=LEVEL."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 10


def group_of(obs: pd.DataFrame, text: str, option: str) -> np.ndarray:
    """(C,) mask of the cells of a level; a name of a column may have ``=`` in it.

    Raises
    ------
    ConfigError
        If there is no such column or level.
    """
    parts = text.split("=")
    splits = [
        ("=".join(parts[:n]).strip(), "=".join(parts[n:]).strip()) for n in range(1, len(parts))
    ]
    known = {str(name): name for name in obs.columns}
    found = next(((known[name], level) for name, level in splits if name in known), None)
    if found is None:
        columns = ", ".join(list(known)[:_LISTED]) or "none"
        raise ConfigError(
            f"{option} COLUMN=LEVEL with a column of the cells: {columns}",
            repr(text),
            'Name a column and one of its levels, like "cell_type=NK cells".',
        )
    name, level = found
    mask = np.asarray(_named(obs[name]) == level)
    if not mask.any():
        levels = ", ".join(sorted(set(_named(obs[name].dropna())))[:_LISTED])
        raise ConfigError(f"a level of {name} for {option}: {levels}", repr(level), "Name one.")
    return mask


def last_of(steps: Iterable[Any], what: str) -> Any:
    """The last of steps that have a ``fraction``, behind a bar."""
    step = None
    form = what + " {percentage:3.0f}%|{bar}| {elapsed}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for step in steps:
            bar.update(max(step.fraction - bar.n, 0.0))
    return step


def _named(column: pd.Series) -> pd.Series:
    """Values as a person would type them: 1 of a whole number, whatever type it has."""
    return column.map(
        lambda value: (
            str(int(value))
            if isinstance(value, float | np.floating) and float(value).is_integer()
            else str(value)
        )
    ).astype(str)
