"""Choices of the Compare tab."""

from __future__ import annotations

from typing import Any, get_args

import param

from engine.summaries import Quantity, Similarity

TAB = "compare"


class CompareChoices(param.Parameterized):
    """Choices that the views of the Compare tab share."""

    left_out = param.List(default=[], doc="Ids of the runs that are left out of the table.")
    heat: Any = param.Selector(default="change", objects=["one", "other", "change"])
    shown = param.Parameter(doc="What the heatmap shows: a `Shown` of the card of changes.")
    detail = param.String(default="pairs", doc="Key of the card in front, lower right.")
    among: Any = param.Selector(default="all", objects=["all", "shown"], doc="Pairs of genes.")
    by: Any = param.Selector(default="correlation", objects=list(get_args(Similarity)))
    beside = param.Integer(
        default=None, allow_None=True, bounds=(0, None), doc="Factor of the other run; None: best."
    )
    quantity: Any = param.Selector(default="score", objects=list(get_args(Quantity)))
