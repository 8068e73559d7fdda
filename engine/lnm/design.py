"""The design of covariates: a matrix of numbers from the labels of the cells.

Fixed columns have treatment coding, the first level being the reference; a random effect has a
column for each level of its group. Each column is centred over the fitted cells, so that the mean
of the model is that of an average cell, and a numeric fixed one divided by its standard deviation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.lnm.covariate_columns import Variable, unknown_level, values_of, variables_of
from engine.lnm.formula import Term, taken_for_granted, terms_of
from engine.lnm.random_effects import random_columns

_ALIAS = "logratio_variable_{}_"
_ALIASES = re.compile(r"logratio_variable_(\d+)_")


@dataclass(frozen=True)
class Column:
    """A column of the design: its label, its term, and the group of a random effect."""

    label: str
    term: str
    group: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates that a fixed column multiplies."""
        return () if self.group else tuple(self.term.split(":"))


@dataclass(frozen=True)
class Design:
    """The coding of labels as numbers, which applies to new cells as well.

    Attributes
    ----------
    formula
        As it was given.
    variables, columns
        The columns of labels that it uses, and its own p columns, fixed ones first.
    centre, scale
        (p,) subtracted from each column, which is then divided by the second.
    notes
        Assumptions about the labels, in words.
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
        """Covariates within whose levels the factors vary: ``"batch, condition"``."""
        return ", ".join(variable.name for variable in self.variables)

    @property
    def random_terms(self) -> np.ndarray:
        """(p - n_fixed,) number of the random term that each random column belongs to."""
        terms = [column.term for column in self.columns if column.group]
        return np.array([list(dict.fromkeys(terms)).index(term) for term in terms], dtype=int)

    @classmethod
    def of(cls, formula: str, obs: pd.DataFrame) -> Design:
        """The design of a formula for fitted cells with these labels, see
        `engine.lnm.design_checks`.

        Raises
        ------
        ConfigError
            If the formula is invalid, or a column has missing values.
        """
        return cls.with_matrix(formula, obs)[0]

    @classmethod
    def with_matrix(
        cls,
        formula: str,
        obs: pd.DataFrame,
        known: tuple[tuple[Variable, ...], tuple[str, ...]] | None = None,
    ) -> tuple[Design, np.ndarray]:
        """The design, and (C, p) covariates of these cells as from `encode`.

        Parameters
        ----------
        known
            The result of `variables_of`, if it was computed before.
        """
        names = set(map(str, obs.columns))
        terms = terms_of(formula, names)
        variables, notes = known or variables_of(terms, obs)
        notes = (*taken_for_granted(formula, names), *notes)
        bare = cls(formula, variables, (), (), (), notes)
        matrix, columns = bare._matrix(terms, obs)
        centre = matrix.mean(0)
        whole = np.isin(matrix, (0.0, 1.0)).all(0) | [bool(column.group) for column in columns]
        spread = matrix.std(0)
        scale = np.where(whole | (spread == 0), 1.0, spread)
        given = tuple(centre.tolist()), tuple(scale.tolist())
        design = cls(formula, variables, columns, *given, notes)
        return design, np.asarray((matrix - centre) / scale, np.float32)

    def named(self, obs: pd.DataFrame) -> pd.DataFrame:
        """Labels from a file, with covariates that were renamed there named as before."""
        away = {f"{one.name}_input": one.name for one in self.variables if one.name not in obs}
        return obs.rename(columns=away)

    def encode(self, obs: pd.DataFrame) -> np.ndarray:
        """(C, p) float32 covariates of cells with these labels.

        A level of a random effect that was not fitted has no column.

        Raises
        ------
        ConfigError
            If a column is missing or has missing values, or a level of a fixed effect is unknown.
        """
        terms = terms_of(self.formula, set(map(str, obs.columns)))
        matrix, _ = self._matrix(terms, obs)
        return np.asarray((matrix - self.centre) / self.scale, np.float32)

    def _matrix(self, terms: tuple[Term, ...], obs: pd.DataFrame) -> tuple[np.ndarray, Any]:
        # The import takes half a second.
        from formulae import design_matrices

        named = {variable.name: variable for variable in self.variables}
        alias = {name: _ALIAS.format(j) for j, name in enumerate(named)}
        # A column that is only a group may have levels that were not fitted.
        known = {name for term in terms for name in term.columns}
        # Extra rows contain all levels: formulae makes no column of a level without rows.
        extra = max((len(variable.levels) for variable in self.variables), default=0) or 1
        frame: dict[str, Any] = {}
        values: dict[str, np.ndarray] = {}
        for name, variable in named.items():
            own = values_of(variable, obs)
            first = np.arange(extra)
            if not variable.levels:
                values[name] = own
                frame[alias[name]] = np.concatenate([first * 1.0, own])
                continue
            values[name] = codes = pd.Index(variable.levels).get_indexer(pd.Index(own))
            if (codes < 0).any() and name in known:
                raise unknown_level(variable, own[codes < 0])
            codes = np.concatenate([first % len(variable.levels), np.maximum(codes, 0)])
            numbers = pd.Index([str(number) for number in range(len(variable.levels))])
            frame[alias[name]] = pd.Categorical.from_codes(codes, categories=numbers)
        fixed = [":".join(alias[name] for name in term.columns) for term in terms if not term.group]
        made = design_matrices(" + ".join(["1", *fixed]), pd.DataFrame(frame), na_action="error")
        whole = np.asarray(made.common.design_matrix, dtype=float)[extra:]
        parts, columns = [np.empty((len(obs), 0))], []
        for key, of_term in made.common.terms.items():
            if key != "Intercept":
                parts.append(whole[:, made.common.slices[key]])
                columns += [Column(self._label(label), self._name(key)) for label in of_term.labels]
        for term in (term for term in terms if term.group):
            own, labels = random_columns(term, named, values, Term((), term.group) in terms)
            parts.append(own)
            columns += [Column(label, str(term), term.group) for label in labels]
        return np.concatenate(parts, axis=1), tuple(columns)

    def _name(self, aliased: str) -> str:
        return _ALIASES.sub(lambda match: self.variables[int(match[1])].name, aliased)

    def _label(self, aliased: str) -> str:
        """Replace the numbers of columns and levels by their names: ``batch[b]:age``."""

        def named(match: re.Match[str]) -> str:
            variable = self.variables[int(match[1])]
            level = f"[{variable.levels[int(match[2])]}]" if match[2] else ""
            return variable.name + level

        return re.sub(_ALIASES.pattern + r"(?:\[(\d+)\])?", named, aliased)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Design:
        """The inverse of `to_dict`."""
        return cls(
            formula=str(values["formula"]),
            variables=tuple(
                Variable(
                    str(one["name"]),
                    tuple(map(str, one["levels"])),
                    float(one["mean"]),
                    float(one["deviation"]),
                )
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
