"""The variance of the CLR."""

from __future__ import annotations

import numpy as np

from engine.checks.predictive.discrepancies.variance import advice
from engine.checks.predictive.discrepancy import Chart, Discrepancy, log_scale, spread

DISCREPANCY = Discrepancy(
    name="clr_variance",
    words="CLR variance",
    short="CLR variance",
    shortest="CLR",
    value=lambda sums: spread(sums.clr_square, sums.clr, sums.n_cells),
    scale=log_scale,
    grain=lambda sums, v: np.zeros(v.shape[1]),
    least_ratio=1.25,
    advice=advice,
    chart=Chart("CLR variance", "predicted CLR variance", "observed", key="clr"),
    place=5,
)
