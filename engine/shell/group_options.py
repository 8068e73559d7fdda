"""Groups of cells as they are named in a shell: COLUMN=LEVEL."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.text import some

if TYPE_CHECKING:
    import pandas as pd


def group_of(obs: pd.DataFrame, text: str, option: str) -> np.ndarray:
    """(C,) mask of the cells of a level; a name of a column may have ``=`` in it.

    Raises
    ------
    ConfigError
        If there is no such column or level.
    """
    parts = _split(obs, text)
    if parts is None:
        raise ConfigError(
            f"{option} COLUMN=LEVEL with a column of the cells: {some(obs.columns)}",
            repr(text),
            'Name a column and one of its levels, like "cell_type=NK cells".',
        )
    name, level = parts
    mask = np.asarray(_named(obs[name]) == level)
    if not mask.any():
        levels = some(sorted(set(_named(obs[name].dropna()))))
        raise ConfigError(f"a level of {name} for {option}: {levels}", repr(level), "Name one.")
    return mask


def groups_of_options(obs: pd.DataFrame, a: str, b: str | None) -> tuple[np.ndarray, np.ndarray]:
    """(C,) masks of groups A and B; B is by default all others with a value in the column of A.

    The number of cells without a value there is printed on stderr; errors as `group_of`.
    """
    one = group_of(obs, a, "--a")
    if b is not None:
        return one, group_of(obs, b, "--b")
    parts = _split(obs, a)
    assert parts is not None
    name = parts[0]
    known = obs[name].notna().to_numpy()
    if not known.all():
        print(f"{int((~known).sum()):,} cells have no {name}: they are left out.", file=sys.stderr)
    return one, known & ~one


def last_of(steps: Iterable[Any], what: str) -> Any:
    """The last of steps that have a ``fraction``; a bar shows the progress."""
    step = None
    form = what + " {percentage:3.0f}%|{bar}| {elapsed}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for step in steps:
            bar.update(max(step.fraction - bar.n, 0.0))
    return step


def _split(obs: pd.DataFrame, text: str) -> tuple[Any, str] | None:
    """The column and the level of COLUMN=LEVEL; None if there is no such column."""
    parts = text.split("=")
    splits = [
        ("=".join(parts[:n]).strip(), "=".join(parts[n:]).strip()) for n in range(1, len(parts))
    ]
    known = {str(name): name for name in obs.columns}
    return next(((known[name], level) for name, level in splits if name in known), None)


def _named(column: pd.Series) -> pd.Series:
    """Values as a person would type them: whole numbers without decimals, whatever their type."""
    return column.map(
        lambda value: (
            str(int(value))
            if isinstance(value, float | np.floating) and float(value).is_integer()
            else str(value)
        )
    ).astype(str)
