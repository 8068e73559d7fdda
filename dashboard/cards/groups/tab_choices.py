"""Choices of the Groups tab: which covariate, which groups, and whose cells they are."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import param

from engine.results import AnyFit

# What stands for a group that no level is.
REST, SELECTED = "the rest", "selected cells"
NOBODY = "cells"
HERE, ELSEWHERE = "here", "elsewhere"


class Comparison(NamedTuple):
    """A comparison that was asked for.

    Attributes
    ----------
    fit
        Under which.
    label, one, other
        Column and levels; `SELECTED` is a column, `REST` a level.
    donor
        Column of donors, or `NOBODY`.
    honest
        Whether the groups were not found in the counts that they are compared in.
    selected
        (C,) mask of group A where no level is.
    """

    fit: AnyFit
    label: str
    one: str
    other: str
    donor: str
    honest: bool
    selected: np.ndarray | None


class GroupChoices(param.Parameterized):
    """Choices that the cards of the Groups tab share."""

    column = param.String(default="", doc="Label of the covariate; empty: the first.")
    label = param.String(default="", doc="Column of the groups; empty: the first.")
    one = param.String(default="", doc="Level that is group A.")
    other = param.String(default=REST, doc="Level that is group B, or `REST`.")
    donor = param.String(default=NOBODY, doc="Column of donors, or `NOBODY`.")
    origins = param.Dict(default={}, doc="Labels: whether they come from elsewhere.")
    question = param.String(default="", doc="Label whose origin is asked for.")
    beside = param.String(default="", doc="Run whose correlations are compared.")
    both: Any = param.Parameter(default=(), doc="Runs of A and B that were begun here.")
    pairs: Any = param.Selector(default="changed", objects=["changed", "scatter"])
    asked = param.ClassSelector(class_=Comparison, allow_None=True)

    def answer(self, text: str) -> None:
        """Note where a label comes from: JSON of its name and `HERE` or `ELSEWHERE`."""
        try:
            label, origin = json.loads(text)
        except (TypeError, ValueError):
            return
        if label == self.question and origin in (HERE, ELSEWHERE):
            self.origins = self.origins | {label: origin == ELSEWHERE}


def masks(asked: Comparison) -> tuple[np.ndarray, np.ndarray | None]:
    """(C,) masks of groups A and B; None for all others."""
    if asked.selected is not None:
        return np.asarray(asked.selected, bool), None
    levels = asked.fit.obs[asked.label].astype(str).to_numpy()
    return levels == asked.one, None if asked.other == REST else levels == asked.other
