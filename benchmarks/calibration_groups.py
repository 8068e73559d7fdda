"""Covariates and groups of cells: part of ``python -m benchmarks.calibration``.

Counts are drawn with batches, donors and conditions whose effects are known, or there are none.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace as changed

import numpy as np
import pandas as pd

import engine
from benchmarks.calibration_depth import depth
from benchmarks.calibration_drawn import CONFIG, GENES, Drawn, draw
from benchmarks.calibration_power import power
from benchmarks.calibration_real import cell_types, null_cells, patients
from engine import checks
from engine.results import Fit

LEVEL = 0.05


def groups(arguments: argparse.Namespace) -> None:
    """All of what follows."""
    studies: tuple[Callable[[argparse.Namespace], None], ...] = (
        within,
        nulls,
        by_donor,
        power,
        correlations,
        cost,
        cell_types,
        depth,
        patients,
    )
    for study in studies:
        print(f"\n{(study.__doc__ or '').splitlines()[0]}\n", flush=True)
        began = time.perf_counter()
        study(arguments)
        print(f"\n({time.perf_counter() - began:.0f} s)", flush=True)


def within(arguments: argparse.Namespace) -> None:
    """Correlations within two batches, 40 % of the genes shifted by N(0, 0.8^2)."""
    rows: dict[str, list[tuple[float, float]]] = {}
    upper, genes = np.triu_indices(GENES, 1), np.arange(GENES)
    for seed in range(arguments.grouped // 2):
        data = draw(np.random.default_rng(seed), changes=0.4)
        true = data.correlation[upper]
        for name, formula in (("none", None), ("~ batch", "~ b")):
            fit = engine.fit(data.counts, changed(CONFIG, formula=formula))
            found = checks.uncertainty(fit, data.counts).estimates(genes)
            inside = (found.low[upper] <= true) & (true <= found.high[upper])
            r = float(np.corrcoef(found.correlation[upper], true)[0, 1])
            rows.setdefault(name, []).append((float(inside.mean()), r))
        parts = []
        for part in (data.mask, ~data.mask):
            counts = data.counts.take(np.flatnonzero(part))
            fit = engine.fit(counts, CONFIG)
            found = checks.uncertainty(fit, counts).estimates(genes)
            inside = (found.low[upper] <= true) & (true <= found.high[upper])
            parts.append((found.correlation[upper], inside.mean()))
        both = (parts[0][0] + parts[1][0]) / 2
        told = float(np.corrcoef(both, true)[0, 1])
        coverage = float(np.mean([inside for _, inside in parts]))
        rows.setdefault("one fit a batch, averaged", []).append((coverage, told))
    print("| covariates | sets | coverage % | r |\n| --- | --- | --- | --- |")
    for name, values in rows.items():
        coverage, told = np.mean(values, axis=0)
        print(f"| {name} | {len(values)} | {100 * coverage:.1f} | {told:.3f} |", flush=True)


def nulls(arguments: argparse.Namespace) -> None:
    """Random splits of cells: share of the genes with p < 0.05, and claims at lfsr < 5 %."""
    print("| cells | formula | split | splits | p < 0.05 % | claims % |\n" + f"|{' --- |' * 6}")
    data = draw(np.random.default_rng(0), changes=0.4)
    for formula in (None, "~ b"):
        fit = engine.fit(data.counts, changed(CONFIG, formula=formula))
        for name, share in (("1:1", 0.5), ("1:4", 0.2)):
            _size(
                f"600 simulated | {formula or 'none'} | {name}", _split(fit, data, share, arguments)
            )
    for label, told in null_cells(arguments.splits):
        _size(label, told)


def _split(
    fit: Fit, data: Drawn, share: float, arguments: argparse.Namespace
) -> Iterator[pd.DataFrame]:
    rng = np.random.default_rng(1)
    for _ in range(arguments.splits):
        cells = rng.permutation(data.counts.n_cells) < share * data.counts.n_cells
        yield engine.differences(fit, data.counts, cells).genes


def _size(name: str, tables: Iterator[pd.DataFrame]) -> None:
    found = [((t["p_value"] < LEVEL).mean(), (t["lfsr"] < LEVEL).mean()) for t in tables]
    size, claims = np.array(found).T
    error = size.std(ddof=1) / np.sqrt(len(size))
    print(
        f"| {name} | {len(size)} | {100 * size.mean():.1f} ± {100 * error:.1f} | "
        f"{100 * claims.mean():.2f} |",
        flush=True,
    )


def by_donor(arguments: argparse.Namespace) -> None:
    """A condition without effect over 8 donors of 80 cells: the same."""
    rows: dict[str, list[pd.DataFrame]] = {}
    for seed in range(arguments.grouped):
        for nested, slopes in ((True, 0.0), (False, 0.3)):
            kind = "nested" if nested else "crossed"
            rng = np.random.default_rng(seed)
            data = draw(rng, 640, donors=8, nested=nested, of_slopes=slopes)
            formulas = ["~ b", "~ b + (1 | donor)"]
            if not nested:
                formulas.append("~ b + (b | donor)")
            for formula in formulas:
                fit = engine.fit(data.counts, changed(CONFIG, formula=formula))
                table = engine.coefficients(fit)
                name = f"{kind} | coefficients, {formula}, {table['unit'][0]}s"
                rows.setdefault(name.replace("|", "\\|").replace("\\|", "|", 1), []).append(table)
            plain = engine.fit(data.counts, CONFIG)
            for donor in ("donor", None):
                found = engine.differences(plain, data.counts, data.mask, donor=donor)
                rows.setdefault(f"{kind} | differences, {found.unit}s", []).append(found.genes)
    print("| donors | test | sets | p < 0.05 % | claims % |\n" + f"|{' --- |' * 5}")
    for name in sorted(rows):
        _size(name, iter(rows[name]))


def correlations(arguments: argparse.Namespace) -> None:
    """Correlations in two random parts of the same cells: pairs claimed to change."""
    print("| split | sets | lfsr < 5 % | fsos < 5 % |\n| --- | --- | --- | --- |")
    upper = np.triu_indices(GENES, 1)
    for name, share in (("1:1", 0.5), ("1:4", 0.2)):
        rows = []
        for seed in range(arguments.grouped):
            rng = np.random.default_rng(seed)
            data = draw(rng, 1000)
            part = rng.permutation(1000) < share * 1000
            whole = engine.fit(data.counts, CONFIG)
            found = engine.differential_by(whole, data.counts, (part, ~part))
            change = found.change(np.arange(GENES))
            rows.append([(rate[upper] < LEVEL).mean() for rate in (change.lfsr, change.fsos)])
        shown = " | ".join(f"{100 * value:.3f} %" for value in np.mean(rows, axis=0))
        print(f"| {name} | {len(rows)} | {shown} |", flush=True)


def cost(arguments: argparse.Namespace) -> None:
    """Processor seconds of a fit of 2,000 cells and 500 genes, with 10 columns or none, in turn."""
    rng = np.random.default_rng(0)
    data = draw(rng, 2000, genes=500)
    obs = data.counts.obs.assign(**{f"x{j}": rng.normal(size=2000) for j in range(10)})
    counts = changed(data.counts, obs=obs)
    print("| columns | passes | processor s | per pass |\n| --- | --- | --- | --- |")
    configs = [
        engine.LNMConfig(n_factors=10, formula=formula)
        for formula in (None, "~ " + " + ".join(f"x{j}" for j in range(10)))
    ]
    took: list[list[float]] = [[], []]
    passes = [engine.fit(counts, config).status.passes for config in configs]
    for _ in range(5):
        for config, seconds in zip(configs, took, strict=True):
            began = time.process_time()
            engine.fit(counts, config)
            seconds.append(time.process_time() - began)
    for columns, made, seconds in zip((0, 10), passes, took, strict=True):
        least = min(seconds)
        print(f"| {columns} | {made} | {least:.1f} | {least / made:.3f} |", flush=True)
