"""Tables of how factors or topics differ between groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.comparing.effects_table import effects_table
from engine.comparing.groups import Groups
from engine.fitting.estimates import Estimates
from engine.results import AnyFit


def latents_table(
    fit: AnyFit, estimates: Estimates, means: np.ndarray, groups: Groups
) -> pd.DataFrame:
    """One row a latent: `effects_table`, and each group's mean of the ``means`` (k, n) of sets."""
    table = effects_table(estimates)
    table.insert(0, fit.latent, fit.factor_names)
    for name, own in (("mean_a", groups.of_a), ("mean_b", groups.of_b)):
        table[name] = means[:, own].mean(1)
    return table


def units_table(fit: AnyFit, means: np.ndarray, groups: Groups) -> pd.DataFrame:
    """One row a set of cells: ``group``, ``donor``, ``cells``, and its means (k, n)."""
    of_a = np.isin(np.arange(len(groups.sets)), groups.of_a)
    columns = {
        "group": np.where(of_a, "a", "b"),
        "donor": groups.donors or ("",) * len(groups.sets),
        "cells": [len(cells) for cells in groups.sets],
    }
    values = pd.DataFrame(means.T, columns=fit.factor_names)
    return pd.concat([pd.DataFrame(columns), values], axis=1)
