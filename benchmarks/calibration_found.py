"""How much of what is there is claimed: part of ``python -m benchmarks.calibration``.

Counts are drawn from the model, with the right number of factors, at several depths. Beside what is
claimed stands what an oracle could: it has the same estimates and standard errors, and instead of
a prior that is learned from them the true correlations of all pairs of the data set, but for which
pair has which. What it does not find is noise of the counts; the rest is ours.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
from scipy import special

import engine
from engine import checks
from engine.checks.uncertainty.delta_method import LARGEST
from engine.data import simulate, true_clr_correlation

CLAIMED, LARGE = 0.05, 0.2
DEPTHS = (1.0, 2.0, 3.0, 5.0, 10.0)
# Cells, genes, factors, depths, and the share of the sets that are drawn.
KINDS = (
    *((600, 80, factors, DEPTHS, 1.0) for factors in (3, 8, 20)),
    (2000, 200, 5, (1.0, 10.0), 0.4),
)
# Values that stand for all true ones.
_ATOMS = 400
COLUMNS = (
    "data | counts per gene | sets | median error told | beyond 0.2 % | claimed of these % | "
    "by the oracle % | claims wrong or small % | told % | lfsr keeps % | the oracle's %"
)


class Pairs(NamedTuple):
    """Of all pairs (n,): Fisher's z, its standard error, the rates told of it, and the true z."""

    z: np.ndarray
    error: np.ndarray
    tail: np.ndarray
    lfsr: np.ndarray
    fsos: np.ndarray
    true: np.ndarray


def found(arguments: argparse.Namespace) -> None:
    """Shares of the correlations beyond 0.2 that are claimed, by counts per gene."""
    print(f"| {COLUMNS} |\n|{' --- |' * 11}")
    for cells, genes, factors, depths, share in KINDS:
        for depth in depths:
            n_sets = max(round(share * arguments.found), 1)
            rows = [summary(drawn(cells, genes, factors, depth, seed)) for seed in range(n_sets)]
            error, *shares = np.mean(rows, axis=0)
            told = " | ".join(f"{100 * value:.1f}" for value in shares)
            of = f"{cells} x {genes}, {factors} factors"
            print(f"| {of} | {depth:g} | {len(rows)} | {error:.3f} | {told} |", flush=True)


def drawn(cells: int, genes: int, factors: int, depth: float, seed: int) -> Pairs:
    """What a fit with the right number of factors tells of one data set."""
    data = simulate(
        "lnm", seed=seed, cells=cells, genes=genes, factors=factors, counts_per_gene=depth
    )
    counts = engine.read_counts(data, genes="all")
    fit = engine.fit(counts, engine.LNMConfig(n_factors=factors))
    shown = np.flatnonzero(fit.is_gene)
    upper = np.triu_indices(len(shown), 1)
    sure = checks.uncertainty(fit, counts)
    own, all_pairs = sure.estimates(shown), sure.correlation(shown)
    names = fit.genes[shown]
    true = true_clr_correlation(data).loc[names, names].to_numpy()
    return Pairs(
        _fisher(own.correlation[upper]),
        own.fisher_error[upper],
        own.tail[upper],
        all_pairs.lfsr[upper],
        all_pairs.fsos[upper],
        _fisher(true[upper]),
    )


def summary(pairs: Pairs) -> tuple[float, ...]:
    """The numbers of a row, of one data set."""
    lfsr, fsos = oracle(pairs.z, pairs.error, pairs.true)
    there = np.abs(np.tanh(pairs.true)) > LARGE
    claimed, by_tail = pairs.fsos < CLAIMED, pairs.tail < CLAIMED
    wrong = np.sign(pairs.z) * np.tanh(pairs.true) <= checks.SMALL
    return (
        float(np.median(pairs.error)),
        there.mean(),
        claimed[there].mean(),
        (fsos < CLAIMED)[there].mean(),
        wrong[claimed].mean() if claimed.any() else 0.0,
        pairs.fsos[claimed].mean() if claimed.any() else 0.0,
        (pairs.lfsr < CLAIMED).sum() / by_tail.sum(),
        (lfsr < CLAIMED).sum() / by_tail.sum(),
    )


def oracle(z: np.ndarray, error: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both rates of all pairs, given the true values but for which is whose."""
    atoms = np.quantile(true, (np.arange(_ATOMS) + 0.5) / _ATOMS)
    small = np.arctanh(checks.SMALL)
    rates = []
    for one, own in zip(_parts(z), _parts(error), strict=True):
        weight = -0.5 * ((one[:, None] - atoms) / own[:, None]) ** 2
        weight = special.softmax(weight, axis=1)
        along = np.sign(one)[:, None] * atoms
        rates.append([1 - (weight * (along > least)).sum(1) for least in (0.0, small)])
    lfsr, fsos = np.concatenate(rates, axis=1)
    return lfsr, fsos


def _parts(values: np.ndarray) -> list[np.ndarray]:
    return np.array_split(values, 1 + len(values) // 4000)


def _fisher(correlation: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(correlation, -LARGEST, LARGEST))
