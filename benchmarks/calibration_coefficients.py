"""Coefficients of covariates: ``python -m benchmarks.calibration coefficients``.

Counts are drawn with a batch of two levels and one of four, a number, and donors that have levels
of their own and cells of every batch. Effects are relative to their mean over genes, in the truth
as in the estimates: the plain mean over all modelled genes.
"""

from __future__ import annotations

import argparse
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

import engine
from engine.data import Counts

FACTORS = 3
COLUMNS = ("two[yes]", "four[b]", "four[c]", "four[d]", "number")
FIXED = "~ two + four + number"
# Cells, genes, mean counts of a gene in a cell; times the depth where "two" is "yes"; donors; share
# of the genes that change, and by how much; factors of the fit.
KINDS: dict[str, dict[str, Any]] = {
    "sparse": {},
    "sparse, automatic factors": {"fitted": "auto"},
    "sparse, 1 factor of 3": {"fitted": 1},
    "sparse, 6 factors for 3": {"fitted": 6},
    "sparse, depth 1:4": {"unequal": 4.0},
    "sparse, 30 % change": {"changes": 0.3, "effect": 0.8},
    "sparse, donors": {"donors": 6},
    "very sparse": {"depth": 0.2},
    "dense": {"depth": 5.0},
    "dense, 30 % change": {"depth": 5.0, "changes": 0.3, "effect": 0.8},
    "dense, donors": {"depth": 5.0, "donors": 6},
    "dense, 1000 cells": {"depth": 5.0, "cells": 1000},
}


def coefficients(arguments: argparse.Namespace) -> None:
    """Share of the effects in 90 % intervals: of the estimates, and shrunken."""
    print(
        "| data | sets | estimate, % (of a column) | shrunken, % (of a column) | "
        "sd of errors | centre, in errors | claimed % | wrong signs % |"
    )
    print(f"|{' --- |' * 8}")
    for name, kind in KINDS.items():
        found = pd.concat([_held(seed, **kind) for seed in range(arguments.grouped)])
        by_column = 100 * found.groupby("column")[["estimate", "shrunken"]].mean()
        shown = [
            f"{by_column[which].mean():.1f} ({by_column[which].min():.1f} to "
            f"{by_column[which].max():.1f})"
            for which in by_column
        ]
        mean = found.drop(columns="column").mean()
        print(
            f"| {name} | {arguments.grouped} | {' | '.join(shown)} | {mean['errors']:.2f} | "
            f"{mean['centre']:.2f} | {100 * mean['claimed']:.0f} | "
            f"{100 * mean['wrong'] / mean['claimed']:.2f} |",
            flush=True,
        )


def _held(seed: int, *, fitted: int | Literal["auto"] = FACTORS, **kind: Any) -> pd.DataFrame:
    """One row a column of a data set."""
    counts, effects = _draw(np.random.default_rng(seed), **kind)
    formula = FIXED + (" + (1 | donor)" if kind.get("donors") else "")
    fit = engine.fit(counts, engine.LNMConfig(n_factors=fitted, formula=formula))
    table, rows = engine.coefficients(fit), []
    for label, _, _, found in fit.covariate_effects():
        own = table[table["column"] == label].set_index("gene").loc[list(fit.genes)]
        true = effects[list(fit.genes)].loc[label].to_numpy()
        true = true - true.mean()
        away = own["effect"] - true
        far = stats.norm.ppf(0.95) if np.isinf(found.freedom) else stats.t.ppf(0.95, found.freedom)
        claimed = (own["lfsr"] < 0.05).to_numpy()
        rows.append(
            {
                "column": label,
                "estimate": (away.abs() < far * own["standard_error"]).mean(),
                "shrunken": ((own["low_90"] <= true) & (true <= own["high_90"])).mean(),
                "errors": (away / own["standard_error"]).std(),
                "centre": abs(away.mean()) / own["standard_error"].mean(),
                "claimed": claimed.mean(),
                "wrong": (claimed & (np.sign(own["effect"]) != np.sign(true))).mean(),
            }
        )
    return pd.DataFrame(rows)


def _draw(
    rng: np.random.Generator,
    *,
    cells: int = 600,
    genes: int = 100,
    depth: float = 1.0,
    unequal: float = 1.0,
    donors: int = 0,
    changes: float = 1.0,
    effect: float = 0.5,
) -> tuple[Counts, pd.DataFrame]:
    """Counts, and the effects (5, G): of a level, or of one unit of the number (sd 10)."""
    two, four = rng.integers(0, 2, cells), rng.integers(0, 4, cells)
    number, donor = rng.normal(50, 10, cells), rng.integers(0, max(donors, 1), cells)
    design = np.column_stack([two == 1, four == 1, four == 2, four == 3, number]).astype(float)
    effects = rng.normal(0, effect, (genes, 5)) * (rng.random((genes, 5)) < changes)
    effects[:, 4] /= 10
    loadings = rng.normal(0, 0.5, (genes, FACTORS))
    logits = rng.normal(0, 1, genes) + (design - design.mean(0)) @ effects.T
    logits += rng.normal(size=(cells, FACTORS)) @ loadings.T
    logits += rng.normal(0, np.sqrt(0.15), logits.shape)
    if donors:
        logits += rng.normal(0, 0.4, (donors, genes))[donor]
    shares = np.exp(logits)
    shares /= shares.sum(1, keepdims=True)
    size = depth * genes * np.where(two == 1, unequal, 1.0) * rng.gamma(5, 0.2, cells)
    drawn = [rng.multinomial(n, p) for n, p in zip(rng.poisson(size) + 20, shares, strict=True)]
    names, labels = [f"cell_{c}" for c in range(cells)], [f"gene_{g}" for g in range(genes)]
    obs = pd.DataFrame(
        {
            "two": np.where(two == 1, "yes", "no"),
            "four": np.array(list("abcd"))[four],
            "number": number,
            "donor": [f"d{d}" for d in donor],
        },
        index=names,
    )
    counts = Counts.from_arrays(np.stack(drawn), labels, names, obs=obs)
    return counts, pd.DataFrame(effects.T, index=list(COLUMNS), columns=labels)
