"""Columns of random effects: an intercept or slopes for each level of a group.

Beside an intercept a column of levels has contrasts, orthogonal and of length one, that sum to zero
over its levels: their mean belongs to the intercept, and no level is the reference. A numeric one
is in standard deviations from its mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.lnm.covariate_columns import Variable
from engine.lnm.formula import Term


def n_columns(term: Term, levels: Mapping[str, int], beside: bool) -> int:
    """Number of columns of a term, given the numbers of levels (0: numeric)."""
    of_slope = int(np.prod([max(levels[name], 1) for name in term.columns]))
    return levels[term.group] * (of_slope - _contrasted(term, levels, beside))


def random_columns(
    term: Term, variables: Mapping[str, Variable], values: Mapping[str, np.ndarray], beside: bool
) -> tuple[np.ndarray, list[str]]:
    """(C, q) columns of a term, and their labels: ``condition[b]|donor[1]``.

    Parameters
    ----------
    values
        (C,) of each variable: numbers of levels, -1 for an unknown level, which has no effect; or
        numbers.
    beside
        Whether the group has an intercept as well.
    """
    owner, codes = variables[term.group], values[term.group]
    levels = {name: len(one.levels) for name, one in variables.items()}
    slopes, labels = np.ones((len(codes), 1)), [""]
    for name in term.columns:
        variable, own = variables[name], values[name]
        if not variable.levels:
            own, called = ((own - variable.mean) / variable.deviation)[:, None], [name]
        elif _contrasted(term, levels, beside):
            own, called = _contrasts(len(variable.levels))[own], _level_labels(variable)[1:]
        else:
            own, called = np.eye(len(variable.levels))[own], _level_labels(variable)
        slopes = (slopes[:, :, None] * own[:, None, :]).reshape(len(codes), -1)
        labels = [f"{one}:{more}" if one else more for one in labels for more in called]
    indicators = (codes[:, None] == np.arange(len(owner.levels))).astype(float)
    matrix = (slopes[:, :, None] * indicators[:, None, :]).reshape(len(codes), -1)
    return matrix, [f"{one or 1}|{level}" for one in labels for level in _level_labels(owner)]


def _contrasted(term: Term, levels: Mapping[str, int], beside: bool) -> bool:
    return beside and len(term.columns) == 1 and levels[term.columns[0]] > 0


def _contrasts(count: int) -> np.ndarray:
    """(L, L - 1) orthogonal to one another and to a constant (Helmert), columns of length one."""
    columns = np.zeros((count, count - 1))
    for j in range(count - 1):
        columns[: j + 1, j], columns[j + 1, j] = -1.0, j + 1.0
    return np.asarray(columns / np.linalg.norm(columns, axis=0))


def _level_labels(variable: Variable) -> list[str]:
    return [f"{variable.name}[{level}]" for level in variable.levels]
