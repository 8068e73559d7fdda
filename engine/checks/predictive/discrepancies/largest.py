"""The largest count."""

from __future__ import annotations

import numpy as np

from engine.checks.predictive.discrepancy import Discrepancy, Subject


def _advice(under: bool, subject: Subject) -> str:
    if under:
        return "a few cells hold far more than the model allows; look for doublets and outliers."
    return "the model allows for outlying cells that are not there; do not trust their variance."


DISCREPANCY = Discrepancy(
    name="max",
    words="Largest count",
    short="largest count",
    shortest="largest",
    value=lambda sums: sums.largest,
    scale=np.log1p,
    grain=lambda sums, v: np.log1p(1 / (1 + v.mean(0))),
    least_ratio=1.5,
    advice=_advice,
    place=4,
)
