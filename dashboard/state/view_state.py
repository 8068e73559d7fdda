"""ChoiceState and LookState: the choices of a session in the shown fit, and their display."""

from __future__ import annotations

from typing import Any

import param

from dashboard.tab_names import tab_names

MOST_MARKED = 6


class ChoiceState(param.Parameterized):
    """The chosen factor, genes and pair of the shown fit."""

    factor = param.Integer(
        default=None, allow_None=True, bounds=(0, None), doc="Position of a factor or topic."
    )
    marked = param.Parameter(default=(), doc="Names of the chosen genes, the latest first.")
    pair = param.Parameter(default=None, doc="(gene, gene) compared cell by cell, or None.")

    @property
    def shown_factor(self) -> int:
        """The chosen factor, the first if none is."""
        return self.factor or 0


class LookState(param.Parameterized):
    """The tab in front, the colours of the cells, and what the heatmap shows."""

    tab: Any = param.Selector(default=tab_names()[0], objects=list(tab_names()))
    colour = param.String(default="", doc="What colours the cells: a key of `colours()`.")
    own_label = param.String(doc="Label that a person chose as colour; choosing a factor keeps it.")
    heat: Any = param.Selector(default="top", objects=["top", "factor", "gene"], doc="Heatmap.")
    max_fsos: Any = param.Selector(
        default=1.0,
        objects=[1.0, 0.2, 0.1, 0.05, 0.01],
        doc="Largest fsos of pairs in full colour.",
    )
    top_genes = param.Integer(default=100, bounds=(2, 1000), doc="Genes in the heatmap.")
    detail = param.String(default="gene", doc="Key of the card in front, lower right in Explore.")
