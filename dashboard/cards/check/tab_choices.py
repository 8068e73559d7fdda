"""Choices of the Check tab, and the check that it shows."""

from __future__ import annotations

from typing import Any

import param

from dashboard.plots.check_bins import KINDS, WORDS
from dashboard.plots.check_points import CHARTS

ALL, SELECTED, EACH = "all cells", "selected cells", "each "
MODES = ("laplace", "map", "population")
GENES = ("both", "chosen", "worst")
CHART_TABS = ("genes", "residuals", "totals")


class CheckChoices(param.Parameterized):
    """Choices that the views of the Check tab share."""

    # the request
    mode: Any = param.Selector(default="laplace", objects=list(MODES))
    totals: Any = param.Selector(default="", objects=["", "observed", "model"], doc="'': usual.")
    cells = param.String(default=ALL, doc="ALL, SELECTED, or EACH and a column of obs.")
    draws = param.Integer(default=100, bounds=(20, 2000))

    # the job and its result
    job = param.String(default=None, allow_None=True, doc="Id of the job of the check.")
    status = param.Parameter(doc="JobStatus of that job.")
    checked = param.Parameter(doc="The `engine.jobs.Checked` that is shown.")
    aside = param.String(doc="Why it is not kept with the run.")
    wrong = param.String(doc="Why no check could be asked for.")

    # the view
    group = param.String(default=ALL, doc="The group of cells that is looked at.")
    kind: Any = param.Selector(default="histogram", objects=list(KINDS))
    genes: Any = param.Selector(default="both", objects=list(GENES))
    chart: Any = param.Selector(default="zeros", objects=list(CHARTS))
    tab: Any = param.Selector(default="genes", objects=list(CHART_TABS), doc="Upper right.")
    discrepancy: Any = param.Selector(default="", objects=["", *WORDS], doc="'': all.")
    fitting = param.Boolean(default=False, doc="Whether genes that fit are listed too.")

    @property
    def running(self) -> bool:
        """Whether the check is running."""
        return self.status is not None and self.status.active
