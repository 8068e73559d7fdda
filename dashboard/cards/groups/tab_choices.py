"""Choices of the Groups tab: which covariate, which groups, and whose cells they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import param

from engine.results import AnyFit

# Choices are stored as keys. The key of a column or level of the file begins with a sign, since
# its name may equal another key.
OWN = "="
SELECTED, REST, NOBODY = "selected", "rest", "cells"
WORDS = {SELECTED: "selected cells", REST: "the rest", NOBODY: "cells"}
HERE, ELSEWHERE = "here", "elsewhere"


def options(names: Iterable[str], first: Iterable[str] = (), last: Iterable[str] = ()) -> Any:
    """Options of a select, words -> key: names of the file between keys of `WORDS`."""
    own = {name: f"{OWN}{name}" for name in names}

    def worded(keys: Iterable[str]) -> dict[str, str]:
        return {f"({WORDS[key]})" if WORDS[key] in own else WORDS[key]: key for key in keys}

    return {**worded(first), **own, **worded(last)}


def named(key: str) -> str | None:
    """The column or level of a key; None of a key of `WORDS`."""
    return key.removeprefix(OWN) if key.startswith(OWN) else None


class Comparison(NamedTuple):
    """A requested comparison of two groups of cells.

    Attributes
    ----------
    fit
        The fit under which groups are compared.
    label
        Column of the groups; None: the selected cells and the rest.
    one, other
        Levels of A and B; None: the selected cells, and the rest.
    donor
        Column of donors; None: cells are the unit.
    honest
        Whether the groups come from elsewhere than the counts in which they are compared.
    selected
        (C,) mask of group A, if it is no level.
    """

    fit: AnyFit
    label: str | None
    one: str | None
    other: str | None
    donor: str | None
    honest: bool
    selected: np.ndarray | None

    @property
    def names(self) -> tuple[str, str]:
        """Names of A and B."""
        if self.label is None:
            return WORDS[SELECTED], f"other than {WORDS[SELECTED]}"
        one = f"{self.label} {self.one}"
        return one, f"other than {one}" if self.other is None else f"{self.label} {self.other}"

    @property
    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """(C,) masks of A and B; cells without a value of the label are in neither."""
        if self.selected is not None:
            one = np.asarray(self.selected, bool)
            return one, ~one
        known, levels = self._label
        one = known & (levels == self.one)
        return one, known & ~one if self.other is None else known & (levels == self.other)

    @property
    def n_without(self) -> int:
        """Cells without a value of the label."""
        return 0 if self.label is None else int((~self._label[0]).sum())

    @property
    def _label(self) -> tuple[np.ndarray, np.ndarray]:
        column = self.fit.obs[self.label]
        return column.notna().to_numpy(), column.astype(str).to_numpy()


class GroupChoices(param.Parameterized):
    """Choices that the cards of the Groups tab share; keys as `options` has them."""

    column = param.String(default="", doc="Label of the covariate; empty: the first.")
    label = param.String(default="", doc="Key of the groups' column; empty: the first.")
    one = param.String(default="", doc="Key of group A.")
    other = param.String(default=REST, doc="Key of group B.")
    donor = param.String(default="", doc="Key of the unit; empty: what the fit tells.")
    origins = param.Dict(default={}, doc="Labels: whether they come from elsewhere.")
    question = param.String(default="", doc="Label whose origin is asked for.")
    both: Any = param.Parameter(default=(), doc="Runs of A and B that were begun here.")
    pairs: Any = param.Selector(default="changed", objects=["changed", "scatter"])
    comparison = param.ClassSelector(class_=Comparison, allow_None=True)

    def answer(self, text: str) -> None:
        """Note where a label comes from: JSON of its name and `HERE` or `ELSEWHERE`."""
        try:
            label, origin = json.loads(text)
        except (TypeError, ValueError):
            return
        if label == self.question and origin in (HERE, ELSEWHERE):
            self.origins = self.origins | {label: origin == ELSEWHERE}
