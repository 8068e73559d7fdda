"""Checks that the cells support a formula of covariates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.lnm.covariate_columns import Variable, refuse_thin, values_of, variables_of
from engine.lnm.design import Column, Design
from engine.lnm.effects import FEWEST_UNITS, on_a_side
from engine.lnm.formula import Term, terms_of
from engine.lnm.random_effects import n_columns

# Most columns of fixed effects, and with those of random effects: the information on each gene has
# the square of their number.
MAX_FIXED, MAX_COLUMNS = 64, 200
# Least eigenvalue of the correlations between columns that can be distinguished.
_APART = 1e-6


def check_design(formula: str, obs: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Raise an error if the cells do not support a formula.

    Returns
    -------
    The labels, with all levels of the formula's columns as categories, which a subset of the cells
    then retains; and notes on assumptions and tests, in words.

    Raises
    ------
    ConfigError
        If a column is constant, has a level of few cells, or does not differ from others, or if
        there are too many columns.
    """
    terms = terms_of(formula, set(map(str, obs.columns)))
    used: dict[str, Any] = {
        str(name): pd.Categorical(column).remove_unused_categories()
        for name, column in obs.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
    }
    labels = obs.assign(**used)
    # Before a matrix is made, which has a column for each level.
    variables, assumptions = variables_of(terms, labels)
    for variable in variables:
        refuse_thin(variable, labels)
    _refuse_many(*_sizes(terms, variables))
    _refuse_nested(terms, labels)
    design, matrix = Design.with_matrix(formula, labels, (variables, assumptions))
    fixed = design.columns[: design.n_fixed]
    _refuse_many(len(fixed), len(design.columns))
    matrix = matrix[:, : len(fixed)]
    _refuse_confounded(terms, fixed, matrix)
    categorical: dict[str, Any] = {
        one.name: pd.Categorical(values_of(one, obs), categories=list(one.levels))
        for one in design.variables
        if one.levels
    }
    notes = (
        *design.notes,
        *_errors_of_cells(terms, fixed, matrix, labels),
        *_not_tested(terms, fixed, matrix, labels),
    )
    return (obs.assign(**categorical) if categorical else obs), notes


def formula_of_parts(formula: str, parts: list[pd.DataFrame]) -> tuple[str | None, tuple[str, ...]]:
    """The formula of the terms that every part of the cells supports, and notes on those left out.

    Parameters
    ----------
    parts
        Labels of the cells of each part.
    """
    terms = terms_of(formula, set(map(str, parts[0].columns)))
    supported, left = [], []
    for term in terms:
        alone = bool(term.group and term.columns) and Term((), term.group) not in terms
        written = str(term).replace("(", "(0 + ", 1) if alone else str(term)
        try:
            for obs in parts:
                check_design(f"~ {written}", obs)
        except ConfigError as error:
            left.append(f"{term} ({error.got})")
        else:
            supported.append(written)
    notes = [f"Left out of the formula of each part: {one}." for one in left]
    return (f"~ {' + '.join(supported)}" if supported else None), tuple(notes)


def is_nested(columns: tuple[str, ...], group: str, obs: pd.DataFrame) -> bool:
    """Whether columns, and so their product, are constant within each level of a group."""
    distinct = obs.groupby(group, observed=True)[list(columns)].nunique(dropna=False)
    return bool((distinct == 1).all(axis=None))


def _refuse_nested(terms: tuple[Term, ...], obs: pd.DataFrame) -> None:
    """Raise an error for a random slope of a covariate that is constant within each level."""
    for term in (term for term in terms if term.group and term.columns):
        if is_nested(term.columns, term.group, obs):
            slope = ":".join(term.columns)
            raise ConfigError(
                f"a covariate that differs between cells of one {term.group}, for {term}",
                f"{slope}, which is the same in all cells of each {term.group}",
                f"Use (1 | {term.group}) instead: errors of {slope} are then those of "
                f"{term.group}, which it differs between.",
            )


def _errors_of_cells(
    terms: tuple[Term, ...], columns: tuple[Column, ...], matrix: np.ndarray, obs: pd.DataFrame
) -> list[str]:
    """Notes on covariates that vary within a group but have no random slope."""
    notes = []
    for group in dict.fromkeys(term.group for term in terms if term.group):
        level = pd.factorize(obs[group])[0]
        spread = pd.DataFrame(matrix).groupby(level).agg(np.ptp).to_numpy()
        for term in (term for term in terms if not term.group):
            own = [j for j, column in enumerate(columns) if column.term == str(term)]
            if Term(term.columns, group) not in terms and spread[:, own].any():
                notes.append(
                    f"{term} varies within {group}: the errors of its effects are those of cells. "
                    f"({term} | {group}) in the formula gives them those of {group}."
                )
    return notes


def _not_tested(
    terms: tuple[Term, ...], columns: tuple[Column, ...], matrix: np.ndarray, obs: pd.DataFrame
) -> list[str]:
    """Notes on covariates that vary between the levels of a group, if these are too few."""
    notes = []
    for group in (term.group for term in terms if term.group and not term.columns):
        table = pd.DataFrame(matrix).groupby(pd.factorize(obs[group])[0])
        levels = table.first().to_numpy()
        between = table.agg(np.ptp).max().to_numpy() == 0
        left = len(levels) - 1 - between.sum()
        for term in (term for term in terms if not term.group):
            own = [j for j, column in enumerate(columns) if column.term == str(term)]
            if not between[own].all():
                continue
            fewest = min(on_a_side(levels, own, j) for j in own)
            if left <= 0 or fewest < FEWEST_UNITS:
                notes.append(
                    f"{term} is the same in all cells of each {group}: the errors of its effects "
                    f"are those of {group}, of which there are too few to test them (three on a "
                    f"side). Without (1 | {group}) they are those of cells."
                )
    return notes


def _sizes(terms: tuple[Term, ...], variables: tuple[Variable, ...]) -> tuple[int, int]:
    """Least numbers of columns: of fixed effects, and of all."""
    levels = {variable.name: len(variable.levels) for variable in variables}
    fixed = random = 0
    for term in terms:
        if term.group:
            random += n_columns(term, levels, Term((), term.group) in terms)
        else:
            fixed += int(np.prod([max(levels[name] - 1, 1) for name in term.columns]))
    return fixed, fixed + random


def _refuse_many(fixed: int, whole: int) -> None:
    if fixed > MAX_FIXED:
        raise ConfigError(
            f"at most {MAX_FIXED} columns of fixed effects",
            f"{fixed}",
            "Use a random effect, (1 | name), for a column of many levels.",
        )
    if whole > MAX_COLUMNS:
        raise ConfigError(
            f"at most {MAX_COLUMNS} columns, those of the levels of random effects included",
            f"{whole}",
            "Leave a random slope out, or join levels.",
        )


def _refuse_confounded(
    terms: tuple[Term, ...], columns: tuple[Column, ...], matrix: np.ndarray
) -> None:
    names = [str(term) for term in terms if not term.group]
    own = {name: [j for j, column in enumerate(columns) if column.term == name] for name in names}
    # In double precision: a level of few among very many cells is no lack of rank.
    products = matrix.T.astype(float) @ matrix.astype(float)
    size = np.sqrt(np.diag(products))

    def full(subset: list[int]) -> bool:
        if not (size[subset] > 0).all():
            return False
        correlations = products[np.ix_(subset, subset)] / np.outer(size[subset], size[subset])
        return not subset or bool(np.linalg.eigvalsh(correlations)[0] > _APART)

    if full(list(range(matrix.shape[1]))):
        return
    for j, first in enumerate(names):
        for second in names[:j]:
            if not full(own[first] + own[second]):
                raise ConfigError(
                    "covariates that can be told apart",
                    f"{second} and {first}, which go together in these cells",
                    "Leave one of them out: of both together an effect can be estimated, not of "
                    "each.",
                )
    raise ConfigError(
        "covariates that can be told apart",
        f"one among {', '.join(names)} that the others determine",
        "Leave one of them out.",
    )
