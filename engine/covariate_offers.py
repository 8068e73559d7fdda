"""Covariates that a person chooses from the columns of the labels, each fixed or random."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.errors import ConfigError, EngineError
from engine.lnm.covariate_columns import Variable, has_value, refuse_thin, variables_of
from engine.lnm.design_checks import MAX_COLUMNS, check_design, is_nested
from engine.lnm.formula import Term, terms_of
from engine.text import some

# Signs that a name in a formula cannot have.
_SIGNS = re.compile(r"[+:|()]")
# Names that mean something else in a formula.
_NUMBERS = {"0": "no intercept", "1": "the intercept"}
# A covariate with more levels begins as a random effect.
MOST_FIXED = 20


@dataclass(frozen=True)
class Covariate:
    """A column in a formula.

    Attributes
    ----------
    name
        Name of the column.
    random
        Whether its levels have random effects.
    slopes
        Fixed columns whose effects differ between the levels of a random covariate.
    """

    name: str
    random: bool = False
    slopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """A column of the labels of cells as a covariate.

    Attributes
    ----------
    levels
        Their names, the reference first; empty for numbers and for a column that cannot be used.
    missing
        Cells without a value, which are left out of a fit that has the column.
    refused
        Why it cannot be used; None if it can.
    """

    name: str
    levels: tuple[str, ...] = ()
    missing: int = 0
    refused: EngineError | None = None

    @property
    def why(self) -> str:
        """Why it cannot be used, in few words; "" if it can."""
        if self.refused is None:
            return ""
        if sign := _SIGNS.search(self.name):
            return f"has {sign[0]} in its name"
        if self.name in _NUMBERS:
            return f"{self.name} in a formula is {_NUMBERS[self.name]}"
        if self.name.strip(" ~") != self.name or not self.name:
            return "has a blank or ~ at an end of its name" if self.name else "has no name"
        return self.refused.got

    @property
    def many(self) -> bool:
        """Whether it has so many levels that it begins as a random effect."""
        return len(self.levels) > MOST_FIXED


def read_formula(formula: str | None) -> tuple[Covariate, ...] | None:
    """The covariates of a formula, in order; None if it is invalid, or more than they can express.

    They cannot express an interaction, a random slope without its intercept or its fixed effect,
    or a column that is both fixed and random.
    """
    if not (formula or "").strip(" ~"):
        return ()
    assert formula is not None
    try:
        terms = terms_of(formula, _named(formula))
    except ConfigError:
        return None
    if any(len(term.columns) > 1 for term in terms):
        return None
    fixed = [term.columns[0] for term in terms if not term.group]
    groups = [term.group for term in terms if term.group and not term.columns]
    slopes = [(term.group, term.columns[0]) for term in terms if term.group and term.columns]
    known = all(group in groups and column in fixed for group, column in slopes)
    if not known or set(fixed) & set(groups):
        return None
    own = {group: tuple(column for of, column in slopes if of == group) for group in groups}
    order = dict.fromkeys(term.group or term.columns[0] for term in terms)
    return tuple(Covariate(name, name in own, own.get(name, ())) for name in order)


def write_formula(covariates: Iterable[Covariate]) -> str | None:
    """The formula of covariates: ``~ batch + (batch | donor)``; None without covariates."""
    parts = []
    for one in covariates:
        effects = " + ".join(one.slopes) or "1"
        parts.append(f"({effects} | {one.name})" if one.random else one.name)
    return f"~ {' + '.join(parts)}" if parts else None


def offers(obs: pd.DataFrame) -> list[Offer]:
    """Every column of the cell labels as a covariate, or with the reason why it cannot be one."""
    return [offer(obs, str(name)) for name in dict.fromkeys(obs.columns)]


def offer(obs: pd.DataFrame, name: str) -> Offer:
    """One column of the cell labels as a covariate."""
    error = _unwritable(name, obs)
    if error is not None:
        return Offer(name, refused=error)
    known = has_value(obs[name])
    if 0 < known.sum() < len(obs):
        left = int((~known).sum())
        return replace(offer(obs[[name]][known], name), missing=left)
    variable = _variable(obs, Term((name,)))
    if isinstance(variable, EngineError):
        return Offer(name, refused=variable)
    if len(variable.levels) > MAX_COLUMNS:
        error = ConfigError(
            f"at most {MAX_COLUMNS} levels", f"{len(variable.levels):,} in {name}", "Join levels."
        )
        return Offer(name, refused=error)
    return Offer(name, variable.levels)


def complete(formula: str | None, obs: pd.DataFrame) -> np.ndarray:
    """(C,) whether a cell has a value in each column that a formula names."""
    known = np.ones(len(obs), bool)
    for name in _named(formula or "") & set(map(str, obs.columns)):
        if list(map(str, obs.columns)).count(name) == 1:
            known &= has_value(obs[name])
    return known


def slopeless(formula: str | None, obs: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """Pairs of a random and a fixed column for which no random slope can be estimated.

    The fixed column is the same in all cells of each level of the random one.
    """
    obs = obs[complete(formula, obs)]
    covariates = [
        one
        for one in read_formula(formula) or ()
        if isinstance(_variable(obs, Term((one.name,))), Variable)
    ]
    return frozenset(
        (one.name, other.name)
        for one in covariates
        for other in covariates
        if one.random and not other.random and is_nested((other.name,), one.name, obs)
    )


def refusals(formula: str, obs: pd.DataFrame) -> dict[str, EngineError]:
    """Errors of a formula for these cells, by column; those of the formula itself under "".

    Cells without a value are left out, unless no cell has one. If columns conflict with each
    other, the last of them has the error.
    """
    try:
        terms = terms_of(formula, _named(formula))
    except ConfigError as error:
        return {"": error}
    if 0 < (known := complete(formula, obs)).sum() < len(obs):
        obs = obs[known]
    groups = dict.fromkeys(term.group for term in terms if term.group)
    names = dict.fromkeys([name for term in terms for name in term.columns])
    errors: dict[str, EngineError] = {}
    for name in (*names, *groups):
        own = _variable(obs, Term((), name) if name in groups else Term((name,)))
        if isinstance(own, EngineError):
            errors[name] = own
    if errors:
        return errors
    try:
        check_design(formula, obs)
    except EngineError as error:
        blamed = [name for name in (*names, *groups) if re.search(_whole(name), error.got)]
        return {blamed[-1] if blamed else "": error}
    return {}


def _named(formula: str) -> set[str]:
    """Column names that a formula uses, whether they exist or not."""
    return {part.strip() for part in _SIGNS.split(formula.strip().removeprefix("~"))}


def _whole(name: str) -> str:
    return rf"(?<!\w){re.escape(name)}(?!\w)"


def _unwritable(name: str, obs: pd.DataFrame) -> EngineError | None:
    if list(map(str, obs.columns)).count(name) > 1:
        return ConfigError("one column of a name", f"several {name!r}", "Rename the others.")
    if _SIGNS.search(name) or name.strip(" ~") != name or name in ("", *_NUMBERS):
        return ConfigError(
            "a name without +, :, |, ( and ), and that is no 0 or 1",
            repr(name),
            "Rename the column: a formula would take it for something else.",
        )
    return None


def _variable(obs: pd.DataFrame, term: Term) -> Variable | EngineError:
    """The variable of a term with one column, or the error that refuses it."""
    name = term.group or term.columns[0]
    if name not in obs:
        return ConfigError(
            f"a column of these cells: {some(obs.columns)}", repr(name), "Take it out."
        )
    column = obs[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
    labels = column.to_frame()
    try:
        ((variable,), _) = variables_of((term,), labels)
        refuse_thin(variable, labels)
    except EngineError as error:
        return error
    except (TypeError, ValueError):
        return ConfigError("numbers or names of levels", f"others in {name}", "Take it out.")
    return variable
