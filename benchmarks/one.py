"""Run one case and print what was measured as a line of JSON: ``python -m benchmarks.one CASE``."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import engine
from engine.data import Counts, simulate, true_clr_correlation


def main() -> None:
    case, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        counts, truth = _counts(case, folder, Path(scratch))
        before = _peak_memory()
        runs = [_fit(counts, case["config"], truth) for _ in range(case["repeats"])]
        print(json.dumps({"runs": runs, "memory_mb": _peak_memory(), "before_mb": before}))


def _counts(case: dict[str, Any], folder: Path, scratch: Path) -> tuple[Counts, Any]:
    name = case["counts"]
    if "x" not in name or not name.replace("x", "").isdigit():
        source = name if name == "demo" else folder / name
        return engine.read_counts(source, genes=case["genes"]), None
    cells, genes = map(int, name.split("x"))
    if case["streamed"]:
        # In a process of its own: its memory is not the fit's.
        path = scratch / "simulated.h5ad"
        _simulate_elsewhere(path, cells, genes, case["config"]["n_factors"])
        return engine.data.read_counts(path, genes="all", backed=True), None
    adata = simulate("lnm", cells=cells, genes=genes, factors=case["config"]["n_factors"], seed=0)
    return engine.read_counts(adata, genes="all"), true_clr_correlation(adata)


def _simulate_elsewhere(path: Path, cells: int, genes: int, factors: int) -> None:
    arguments = {"model": "lnm", "cells": cells, "genes": genes, "factors": factors, "out": path}
    flags = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "engine", "simulate", *flags], check=True)


def _fit(counts: Counts, config: dict[str, Any], truth: pd.DataFrame | None) -> dict[str, Any]:
    began = time.perf_counter()
    fit = engine.fit(counts, engine.LNMConfig(**config))
    seconds = time.perf_counter() - began
    genes = fit.genes[fit.is_gene]
    found = {
        "seconds": seconds,
        "seconds_compiling": fit.status.seconds_compiling,
        "passes": fit.status.passes,
        "state": fit.status.state,
        "log_marginal_per_cell": fit.log_marginal_per_cell,
        "n_failed_cells": fit.status.n_failed_cells,
    }
    if truth is not None:
        model = engine.summaries.clr_correlation(fit, genes).to_numpy()
        upper = np.triu_indices(len(genes), 1)
        true = truth.loc[genes, genes].to_numpy()[upper]
        found["r_truth"] = float(np.corrcoef(model[upper], true)[0, 1])
    return found


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
