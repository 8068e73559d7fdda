"""The design of covariates: a matrix of numbers from the labels of the cells.

Fixed columns have treatment coding, the first level being the reference; a random effect has a
column for each level of its group. Each column is centred over the fitted cells, so that the mean
of the model is that of an average cell, and a numeric one divided by its standard deviation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.lnm.covariate_columns import (
    Variable,
    refuse_thin,
    unknown_level,
    values_of,
    variables_of,
)
from engine.lnm.formula import Term, terms_of

MAX_FIXED = 64
_ALIAS = "logratio_variable_{}_"
_ALIASES = re.compile(r"logratio_variable_(\d+)_")


@dataclass(frozen=True)
class Column:
    """A column of the design: what it is called, its term, and the group of a random effect."""

    label: str
    term: str
    group: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates whose product a fixed column is."""
        return () if self.group else tuple(self.term.split(":"))


@dataclass(frozen=True)
class Design:
    """How labels become numbers; the same for cells that were not fitted.

    Attributes
    ----------
    formula
        As it was given.
    variables, columns
        What it needs, and what it makes of that: p columns, fixed ones first.
    centre, scale
        (p,) subtracted from each column, which is then divided by the second.
    notes
        What was taken for granted, in words.
    """

    formula: str
    variables: tuple[Variable, ...]
    columns: tuple[Column, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_fixed(self) -> int:
        """Number of columns of fixed effects, which come first."""
        return sum(not column.group for column in self.columns)

    @property
    def within(self) -> str:
        """What the factors are within: ``"batch, condition"``."""
        return ", ".join(variable.name for variable in self.variables)

    @property
    def random_terms(self) -> np.ndarray:
        """(p - n_fixed,) number of the random term that each random column belongs to."""
        terms = [column.term for column in self.columns if column.group]
        return np.array([list(dict.fromkeys(terms)).index(term) for term in terms], dtype=int)

    @classmethod
    def of(cls, formula: str, obs: pd.DataFrame) -> Design:
        """The design of a formula for fitted cells with these labels, see `check_design`.

        Raises
        ------
        ConfigError
            If the formula is none, or a column has missing values.
        """
        terms = terms_of(formula, set(map(str, obs.columns)))
        variables, notes = variables_of(terms, obs)
        bare = cls(formula, variables, (), (), (), notes)
        matrix, columns = bare._matrix(terms, obs)
        centre = matrix.mean(0)
        whole = np.isin(matrix, (0.0, 1.0)).all(0)
        spread = matrix.std(0)
        scale = np.where(whole | (spread == 0), 1.0, spread)
        return cls(
            formula, variables, columns, tuple(centre.tolist()), tuple(scale.tolist()), notes
        )

    def encode(self, obs: pd.DataFrame) -> np.ndarray:
        """(C, p) float32 of cells with these labels.

        A level of a random effect that was not fitted has none.

        Raises
        ------
        ConfigError
            If a column is missing or has missing values, or a level of a fixed effect is unknown.
        """
        terms = terms_of(self.formula, set(map(str, obs.columns)))
        matrix, _ = self._matrix(terms, obs)
        return np.asarray((matrix - self.centre) / self.scale, np.float32)

    def _matrix(self, terms: tuple[Term, ...], obs: pd.DataFrame) -> tuple[np.ndarray, Any]:
        # It takes half a second to import.
        from formulae import design_matrices

        number = {variable.name: j for j, variable in enumerate(self.variables)}
        alias = {name: _ALIAS.format(j) for name, j in number.items()}
        # Of levels that no row has, formulae would make no column.
        extra = max((len(variable.levels) for variable in self.variables), default=0) or 1
        fixed = {name for term in terms for name in term.columns} | {
            name for term in terms if not term.group for name in term.columns
        }
        frame: dict[str, Any] = {}
        unknown: dict[str, np.ndarray] = {}
        for variable in self.variables:
            values = values_of(variable, obs)
            if variable.levels:
                codes = pd.Index(variable.levels).get_indexer(pd.Index(values))
                unknown[variable.name] = codes < 0
                if (codes < 0).any() and variable.name in fixed:
                    raise unknown_level(variable, values[codes < 0])
                codes = np.concatenate(
                    [np.arange(extra) % len(variable.levels), np.maximum(codes, 0)]
                )
                names = pd.Index([str(number) for number in range(len(variable.levels))])
                frame[alias[variable.name]] = pd.Categorical.from_codes(codes, categories=names)
            else:
                frame[alias[variable.name]] = np.concatenate([np.arange(extra) * 1.0, values])
        written = [_written(term, alias) for term in terms]
        made = design_matrices(" + ".join(["1", *written]), pd.DataFrame(frame), na_action="error")
        parts, columns = [np.empty((len(obs) + extra, 0))], []
        for effects, random in ((made.common, False), (made.group, True)):
            if effects is None:
                continue
            whole = effects.design_matrix
            whole = whole.toarray() if hasattr(whole, "toarray") else np.asarray(whole)
            for key, term in effects.terms.items():
                if key == "Intercept":
                    continue
                own = whole[:, effects.slices[key]].astype(float)
                name, group = self._name(key), ""
                if random:
                    group = self._name(key.split("|")[1])
                    name = f"({name.split('|')[0]} | {group})"
                    away = unknown.get(group)
                    if away is not None:
                        own[extra:][away] = 0
                parts.append(own)
                columns += [Column(self._label(label), name, group) for label in term.labels]
        return np.concatenate(parts, axis=1)[extra:], tuple(columns)

    def _name(self, aliased: str) -> str:
        return _ALIASES.sub(lambda found: self.variables[int(found[1])].name, aliased)

    def _label(self, aliased: str) -> str:
        """With the names of columns and levels for their numbers: ``batch[b]:age``."""

        def named(found: re.Match[str]) -> str:
            variable = self.variables[int(found[1])]
            level = f"[{variable.levels[int(found[2])]}]" if found[2] else ""
            return variable.name + level

        return re.sub(_ALIASES.pattern + r"(?:\[(\d+)\])?", named, aliased)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Design:
        """From what `to_dict` gave."""
        return cls(
            formula=str(values["formula"]),
            variables=tuple(
                Variable(str(one["name"]), tuple(map(str, one["levels"])))
                for one in values["variables"]
            ),
            columns=tuple(
                Column(str(one["label"]), str(one["term"]), str(one["group"]))
                for one in values["columns"]
            ),
            centre=tuple(map(float, values["centre"])),
            scale=tuple(map(float, values["scale"])),
            notes=tuple(map(str, values.get("notes", ()))),
        )


def check_design(formula: str, obs: pd.DataFrame) -> pd.DataFrame:
    """Refuse a formula that these cells cannot carry.

    Returns
    -------
    The labels, those of the formula with all their levels, which some of the cells then keep.

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
    design = Design.of(formula, obs.assign(**used))
    for variable in design.variables:
        refuse_thin(variable, obs)
    fixed = design.columns[: design.n_fixed]
    if len(fixed) > MAX_FIXED:
        raise ConfigError(
            f"at most {MAX_FIXED} columns of fixed effects",
            f"{len(fixed)}",
            "Use a random effect, (1 | name), for a column of many levels.",
        )
    _refuse_confounded(terms, fixed, design.encode(obs)[:, : len(fixed)])
    found: dict[str, Any] = {
        one.name: pd.Categorical(values_of(one, obs), categories=list(one.levels))
        for one in design.variables
        if one.levels
    }
    return obs.assign(**found) if found else obs


def _written(term: Term, alias: Mapping[str, str]) -> str:
    own = ":".join(alias[name] for name in term.columns)
    if not term.group:
        return own
    return f"(0 + {own} | {alias[term.group]})" if own else f"(1 | {alias[term.group]})"


def _refuse_confounded(
    terms: tuple[Term, ...], columns: tuple[Column, ...], matrix: np.ndarray
) -> None:
    names = [str(term) for term in terms if not term.group]
    own = {name: [j for j, column in enumerate(columns) if column.term == name] for name in names}

    def full(chosen: list[int]) -> bool:
        return not chosen or int(np.linalg.matrix_rank(matrix[:, chosen])) == len(chosen)

    if full(list(range(matrix.shape[1]))):
        return
    for j, first in enumerate(names):
        for second in names[:j]:
            if not full(own[first] + own[second]):
                raise ConfigError(
                    "covariates that can be told apart",
                    f"{second} and {first}, which go together in these cells",
                    f"Leave one of them out: of both together an effect can be estimated, not of "
                    f"each. Or take {first} as a random effect.",
                )
    raise ConfigError(
        "covariates that can be told apart",
        f"one among {', '.join(names)} that the others determine",
        "Leave one of them out.",
    )
