"""Measure calibration on simulated data: ``python -m benchmarks.calibration [STUDY ...]``.

Counts are drawn from the model, so that the truth is known. How often do 90 % intervals hold it?
Studies: ``automatic`` (the number of factors unknown), ``correlations`` (both methods),
``found`` (how much of what is there is claimed), ``claims``, ``factors``, ``structure``,
``pairs``, ``topics``, ``scores``, ``capture``, ``coefficients`` (of covariates) and ``groups``
(covariates, and differences between groups of cells).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy import linalg, stats

import engine
from benchmarks.calibration_automatic import automatic
from benchmarks.calibration_capture import capture
from benchmarks.calibration_claims import claims
from benchmarks.calibration_coefficients import coefficients
from benchmarks.calibration_factors import factors, pairs, structure
from benchmarks.calibration_found import found
from benchmarks.calibration_groups import groups
from benchmarks.calibration_topics import topics
from engine import checks
from engine.checks.uncertainty import CorrelationUncertainty
from engine.data import Counts, simulate, true_clr_correlation
from engine.results import Fit

FACTORS = 3
# Mean counts per cell and gene.
DEPTHS = (0.3, 1.0, 3.0, 10.0)
# Cells and genes, and the depth of the sizes beyond the first.
SIZES = ((600, 120), (300, 300), (2000, 60), (600, 500))
OTHER_DEPTH = 1.0
QUANTILE = stats.norm.ppf(0.95)


def main() -> None:
    studies: dict[str, Callable[[argparse.Namespace], None]] = {
        "automatic": automatic,
        "correlations": _correlations,
        "found": found,
        "claims": claims,
        "factors": factors,
        "structure": structure,
        "pairs": pairs,
        "topics": topics,
        "scores": _scores,
        "capture": capture,
        "coefficients": coefficients,
        "groups": groups,
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("studies", nargs="*", default=list(studies), help=", ".join(studies))
    parser.add_argument("--automatic", type=int, default=10, help="data sets of each kind")
    parser.add_argument("--sets", type=int, default=20, help="data sets of each kind")
    parser.add_argument("--bootstrapped", type=int, default=20, help="of them, with the bootstrap")
    parser.add_argument("--n-boot", type=int, default=30)
    parser.add_argument("--found", type=int, default=10, help="data sets of each of found")
    parser.add_argument("--nulls", type=int, default=10, help="data sets of each kind of claims")
    parser.add_argument("--wrong", type=int, default=10, help="data sets of each kind of factors")
    parser.add_argument("--looked", type=int, default=20, help="data sets of each of structure")
    parser.add_argument("--grouped", type=int, default=20, help="data sets of each kind of groups")
    parser.add_argument("--splits", type=int, default=100, help="random splits of each kind")
    arguments = parser.parse_args()
    for name in arguments.studies:
        print(f"\n### {name}\n", flush=True)
        studies[name](arguments)


def _kinds() -> list[tuple[int, int, float]]:
    return [(*SIZES[0], depth) for depth in DEPTHS] + [(*size, OTHER_DEPTH) for size in SIZES[1:]]


def _fitted(
    cells: int, genes: int, depth: float, seed: int, *, residuals: bool = True
) -> tuple[Fit, Counts, object]:
    drawn = {"cells": cells, "genes": genes, "factors": FACTORS, "counts_per_gene": depth}
    data = simulate("lnm", seed=seed, **drawn, **({} if residuals else {"noise": 0.0}))
    counts = engine.read_counts(data, genes="all")
    config = engine.LNMConfig(n_factors=FACTORS, d_mode="learned" if residuals else "low_rank")
    return engine.fit(counts, config), counts, data


class Tally:
    """What a method's intervals did, data set by data set."""

    def __init__(self) -> None:
        self.coverage: list[float] = []
        self.errors: list[float] = []
        self.wrong: list[tuple[float, float]] = []

    def add(self, found: CorrelationUncertainty, truth: np.ndarray) -> None:
        upper = np.triu_indices(len(truth), 1)
        one = CorrelationUncertainty(*(array[upper] for array in found))
        true = truth[upper]
        self.coverage.append(float(np.mean((one.low <= true) & (true <= one.high))))
        scale = one.standard_error / (1 - one.correlation**2)
        self.errors.append(float(np.std((np.arctanh(one.correlation) - np.arctanh(true)) / scale)))
        # Of the pairs whose sign is claimed: how many are wrong, and how many are said to be.
        claimed = one.lfsr < 0.05
        wrong = np.sign(one.correlation[claimed]) != np.sign(true[claimed])
        self.wrong.append((float(wrong.mean()), float(one.lfsr[claimed].mean())))

    def row(self) -> str:
        low, high = min(self.coverage), max(self.coverage)
        wrong, said = 100 * np.mean(self.wrong, axis=0)
        return (
            f"{len(self.coverage)} | {100 * np.mean(self.coverage):.1f} "
            f"({100 * low:.1f} to {100 * high:.1f}) | {np.mean(self.errors):.2f} | "
            f"{wrong:.2f} | {said:.2f}"
        )


def _correlations(arguments: argparse.Namespace) -> None:
    print(
        "| cells x genes | counts per gene | method | sets | coverage % (of a set) | "
        "sd of errors | wrong signs % | expected |"
    )
    print(f"|{' --- |' * 8}")
    kinds = [(*kind, True) for kind in _kinds()]
    kinds += [(*SIZES[0], depth, False) for depth in DEPTHS[1::2]]
    for cells, genes, depth, residuals in kinds:
        of = f"{cells} x {genes}" + ("" if residuals else ", d = 0")
        tallies = {"delta": Tally(), f"bootstrap, {arguments.n_boot}": Tally()}
        for seed in range(arguments.sets):
            fit, counts, data = _fitted(cells, genes, depth, seed, residuals=residuals)
            shown = np.flatnonzero(fit.is_gene)
            names = fit.genes[shown]
            truth = true_clr_correlation(data).loc[names, names].to_numpy()
            found = [checks.uncertainty(fit, counts)]
            if seed < arguments.bootstrapped:
                found.append(checks.bootstrap(fit, counts, n_boot=arguments.n_boot))
            for tally, one in zip(tallies.values(), found, strict=False):
                tally.add(one.correlation(shown), truth)
        for name, tally in tallies.items():
            if tally.coverage:
                print(f"| {of} | {depth:g} | {name} | {tally.row()} |", flush=True)


def _scores(arguments: argparse.Namespace) -> None:
    """The true scores, turned to the fit's axes, within 1.645 of the fit's standard deviations."""
    print("| cells x genes | counts per gene | sets | coverage % (of a set) | sd of errors |")
    print(f"|{' --- |' * 5}")
    for cells, genes, depth in _kinds():
        covered, errors = [], []
        for seed in range(arguments.sets):
            fit, _, data = _fitted(cells, genes, depth, seed)
            loadings = np.asarray(data.varm["true_loadings"])[data.var_names.get_indexer(fit.genes)]
            # The truth is turned, not the fit: its standard deviations stay those of its axes.
            turn, _ = linalg.orthogonal_procrustes(loadings - loadings.mean(0), fit.loadings)
            error = (fit.scores - np.asarray(data.obsm["true_scores"]) @ turn) / fit.scores_sd
            covered.append(np.mean(np.abs(error) < QUANTILE))
            errors.append(np.std(error))
        print(
            f"| {cells} x {genes} | {depth:g} | {len(covered)} | {100 * np.mean(covered):.1f} "
            f"({100 * min(covered):.1f} to {100 * max(covered):.1f}) | {np.mean(errors):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
