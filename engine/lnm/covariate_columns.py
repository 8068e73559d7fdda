"""Columns of the cells' labels as covariates: levels or numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.lnm.formula import Term
from engine.text import count, some

# Fewest cells of a level.
FEWEST_CELLS = 10
# Whole numbers of at most so many values are levels; of at most so many they might be meant so.
_FEW_VALUES, _MANY_VALUES = 10, 40


@dataclass(frozen=True)
class Variable:
    """A column of the cells' labels: its levels, the reference first; none if it is numeric.

    ``mean`` and ``deviation`` are those of a numeric one over the fitted cells; random slopes use
    the standardised values.
    """

    name: str
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0


def variables_of(
    terms: tuple[Term, ...], obs: pd.DataFrame
) -> tuple[tuple[Variable, ...], tuple[str, ...]]:
    """The columns that terms name, and the assumptions about them, in words."""
    groups = {term.group for term in terms if term.group}
    effects = dict.fromkeys(name for term in terms for name in term.columns)
    variables, notes = [], []
    for name in dict.fromkeys([*effects, *(term.group for term in terms if term.group)]):
        column = _column(obs, name)
        if name not in groups and _is_numeric(column):
            numbers = np.asarray(column, float)
            deviation = float(numbers.std()) or 1.0
            variables.append(Variable(name, (), float(numbers.mean()), deviation))
            different = np.unique(numbers)
            if len(different) <= _MANY_VALUES and not np.mod(different, 1).any():
                notes.append(
                    f"{name} has {len(different)} whole numbers: they are taken for numbers, with "
                    "one slope. As text they are levels."
                )
            continue
        levels = _levels(column)
        variables.append(Variable(name, levels))
        if name in effects and all(map(str.isdecimal, levels)):
            notes.append(f"{name} has {len(levels)} whole numbers: they are taken for levels.")
    return tuple(variables), tuple(notes)


def values_of(variable: Variable, obs: pd.DataFrame) -> np.ndarray:
    """(C,) names of levels, or numbers; ConfigError if some are missing or not numeric."""
    column = _column(obs, variable.name)
    if variable.levels:
        return level_names(obs, variable.name)
    try:
        return np.asarray(column, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError(
            f"numbers in {variable.name}, as in the cells that were fitted",
            f"{column.iloc[0]!r}",
            "Give the cells numbers in this column.",
        ) from None


def level_names(obs: pd.DataFrame, name: str) -> np.ndarray:
    """(C,) names of the levels of a column; ConfigError if some are missing."""
    codes, different = pd.factorize(_column(obs, name))
    return np.array([_level_name(value) for value in different], dtype=object)[codes]


def refuse_thin(variable: Variable, obs: pd.DataFrame) -> None:
    """Raise ConfigError if all cells have the same value, or a level has few cells."""
    values = values_of(variable, obs)
    if not variable.levels and len(values) and values.min() < values.max():
        return
    cells = pd.Series(values).value_counts()
    if len(cells) < 2:
        raise ConfigError(
            f"at least two values of {variable.name}",
            f"{cells.index[0]!r} in every cell" if len(cells) else "no cell",
            "Leave the column out of the formula.",
        )
    if variable.levels and cells.min() < FEWEST_CELLS:
        raise ConfigError(
            f"at least {FEWEST_CELLS} cells of each level of {variable.name}",
            f"{count(int(cells.min()), 'cell')} of {cells.idxmin()!r}",
            "Leave these cells out, or join the level to another.",
        )


def unknown_level(variable: Variable, values: np.ndarray) -> ConfigError:
    """The error for levels that were not fitted."""
    return ConfigError(
        f"levels of {variable.name} that were fitted: {some(variable.levels, 10)}",
        f"{values[0]!r}",
        "Leave these cells out: what a level that no fitted cell has does is not known.",
    )


def has_value(column: pd.Series) -> np.ndarray:
    """(C,) whether a cell has a value in a column of the labels: infinity is none."""
    if pd.api.types.is_float_dtype(column):
        return np.isfinite(column.to_numpy(dtype=float, na_value=np.nan))
    return column.notna().to_numpy()


def _column(obs: pd.DataFrame, name: str) -> pd.Series:
    column = obs[name]
    missing = int((~has_value(column)).sum())
    if missing:
        raise ConfigError(
            f"a value of {name} for every cell",
            f"{missing:,} of {len(column):,} cells without",
            "Leave these cells out, or give them a level of their own.",
        )
    return column


def _is_numeric(column: pd.Series) -> bool:
    """Whether it has numbers that are not the names of levels."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return False
    different = np.asarray(pd.unique(column), float)
    return len(different) > _FEW_VALUES or bool(np.mod(different, 1).any())


def _levels(column: pd.Series) -> tuple[str, ...]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(dict.fromkeys(map(_level_name, column.cat.categories)))
    different = list(pd.unique(column))
    try:
        different.sort()
    except TypeError:
        different.sort(key=_level_name)
    return tuple(dict.fromkeys(map(_level_name, different)))


def _level_name(value: object) -> str:
    """Name of a level; 1.0 becomes 1: pandas makes whole numbers floats if some are missing."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
