"""Choices of the Topics tab: how to rank genes, how to group cells, which run to compare."""

from __future__ import annotations

from typing import Any, get_args

import param

from dashboard.plots.sweep_curve import MEASURES
from engine.results import AnyFit
from engine.summaries import RELEVANCE, Measure, grouping_columns, measures


class TopicChoices(param.Parameterized):
    """Choices that the views of the Topics tab share."""

    measure: Any = param.Selector(default="relevance", objects=list(get_args(Measure)))
    weight = param.Number(default=RELEVANCE, bounds=(0, 1), doc="lambda of the relevance.")
    group = param.String(default=None, allow_None=True, doc="Column of obs; None chooses.")
    table = param.String(default="labels", doc="Key of the card in front, lower right.")
    other = param.String(default=None, allow_None=True, doc="Id of the run to compare with.")
    by: Any = param.Selector(default="correlation", objects=["correlation", "overlap"])
    swept_by: Any = param.Selector(default="excess", objects=list(MEASURES), doc="Of a sweep.")
    beside = param.Integer(
        default=None, allow_None=True, bounds=(0, None), doc="Topic of the other run; None: best."
    )

    def measure_of(self, fit: AnyFit) -> Measure:
        """The chosen measure, or the default of the fit if it does not have that one."""
        known = measures(fit)
        return self.measure if self.measure in known else known[0]

    def group_of(self, fit: AnyFit) -> str | None:
        """The chosen column, or the first of the fit if it does not have that one."""
        known = grouping_columns(fit)
        return self.group if self.group in known else next(iter(known), None)
