"""ChoiceState: the factor, genes and cells that a person has chosen; every view shows them."""

from __future__ import annotations

import param

MOST_MARKED = 6


class ChoiceState(param.Parameterized):
    """What is chosen of the shown fit."""

    factor = param.Integer(
        default=None, allow_None=True, bounds=(0, None), doc="Position of a factor or topic."
    )
    marked = param.Parameter(default=(), doc="Names of the chosen genes, the latest first.")
    pair = param.Parameter(default=None, doc="(gene, gene) compared cell by cell, or None.")
    selected = param.Parameter(default=None, doc="(C,) mask of the selected cells, or None.")

    @property
    def shown_factor(self) -> int:
        """The chosen factor, the first if none is."""
        return self.factor or 0
