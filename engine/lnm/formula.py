"""Terms of a formula of covariates, which consist of names of columns alone.

    ~ batch + age + batch:age + (1 | donor) + (condition | donor)

A library would evaluate Python in a formula. Text of a page, a file or an address is never passed
to one: the terms are read here, and may contain only names of columns, ``+``, ``:`` and ``|``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

from engine.errors import ConfigError
from engine.text import some

_LONGEST = 1000
_EXAMPLE = "~ batch + age + batch:age + (1 | donor) + (condition | donor)"
_GROUPED = re.compile(r"\(([^()|]*)\|([^()|]*)\)")
# The intercept: in a formula, or in the effects of one random term.
_ONE = re.compile(r"(?:^|[~+(])\s*1\s*(?=$|[+|])")
# Stands for a term in parentheses.
_PLACE = re.compile(r"\|(\d+)\|")


@dataclass(frozen=True)
class Term:
    """One term: the columns that it multiplies, and the grouping column of a random effect.

    Attributes
    ----------
    columns
        Names, more than one for an interaction; none for a random intercept.
    group
        Name of the column whose levels have an effect each; "" for a fixed effect.
    """

    columns: tuple[str, ...]
    group: str = ""

    def __str__(self) -> str:
        """As it is written."""
        written = ":".join(self.columns)
        return f"({written or 1} | {self.group})" if self.group else written


def terms_of(formula: str, known: Collection[str]) -> tuple[Term, ...]:
    """The terms of a formula, each once.

    Parameters
    ----------
    known
        Names of the existing columns.

    Raises
    ------
    ConfigError
        If the formula is invalid, or names another column.
    """
    text = formula.strip().removeprefix("~").strip()
    if not text or len(text) > _LONGEST or "|" in _GROUPED.sub("", text):
        _refuse(formula)
    grouped = _GROUPED.findall(text)
    count = iter(range(len(grouped)))
    parts = _GROUPED.sub(lambda _: f"|{next(count)}|", text).split("+")
    terms: list[Term] = []
    for part in map(str.strip, parts):
        place = _PLACE.fullmatch(part)
        if place:
            effects, group = grouped[int(place[1])]
            terms += _random(effects, group.strip(), formula, known)
        elif part != "1":
            terms.append(Term(_columns(part, formula, known)))
    if not terms:
        _refuse(formula)
    return tuple(dict.fromkeys(terms))


def taken_for_granted(formula: str, known: Collection[str]) -> tuple[str, ...]:
    """Notes on a formula that could mean the intercept or a column, in words."""
    if "1" not in known or not _ONE.search(formula):
        return ()
    return ("1 in the formula is the intercept: rename the column 1 to have it as a covariate.",)


def _random(effects: str, group: str, formula: str, known: Collection[str]) -> list[Term]:
    """Terms of a random effect: one per column, and one for the intercept unless there is a 0."""
    named = [part.strip() for part in effects.split("+")]
    (owner,) = _columns(group, formula, known, most=1)
    columns = [_columns(part, formula, known) for part in named if part not in ("0", "1")]
    if not {"0", "1"} >= set(named) and named.count("0") + named.count("1") > 1:
        _refuse(formula)
    intercept = [] if "0" in named else [Term((), owner)]
    if (not intercept and not columns) or any(owner in one for one in columns):
        _refuse(formula)
    return intercept + [Term(one, owner) for one in columns]


def _columns(
    part: str, formula: str, known: Collection[str], most: int | None = None
) -> tuple[str, ...]:
    names = tuple(name.strip() for name in part.split(":"))
    if not all(names) or len(set(names)) < len(names) or (most and len(names) > most):
        _refuse(formula)
    if most is None and {"0", "1"} & set(names):
        raise ConfigError(
            "columns with other names than 0 and 1, which are no columns in a formula",
            repr(part),
            "Rename the column, or leave it out.",
        )
    for name in names:
        if name not in known:
            raise ConfigError(
                f"columns of the cells in the formula: {some(sorted(map(str, known)))}",
                repr(name),
                "Name columns of obs as they are, joined by +; see the documentation of formulas.",
            )
    return names


def _refuse(formula: str) -> NoReturn:
    raise ConfigError(
        f"a formula of columns like {_EXAMPLE}",
        repr(formula[:100]),
        "Use names of columns, + between terms, : for interactions, (1 | name) for random effects.",
    )
