"""The command ``python -m engine fit``."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from engine.errors import FitError
from engine.files.writing import add_data
from engine.fitting.progress import Progress
from engine.jobs.failures import describe
from engine.jobs.job import peak_memory_mb
from engine.jobs.structure_phase import search_structure
from engine.results import AnyFit, selection_of, stopped_by_user
from engine.shell.click_command import ShellCommand
from engine.shell.commands.score import score_words
from engine.shell.common import (
    cells_named,
    configuration,
    first_ctrl_c_stops,
    gene_choice,
    names_in,
    request,
    settings_of_a_fit,
    writable,
)


@click.command(cls=ShellCommand)
@settings_of_a_fit(sizes=True)
@click.option("--out", type=Path, required=True, metavar="FIT.h5ad", help="where to save the fit")
@click.option(
    "--cells",
    type=Path,
    metavar="FILE",
    help="fit some of the cells alone: a text file of their names, one a line",
)
@click.option(
    "--holdout",
    type=float,
    default=0.0,
    metavar="SHARE",
    help="share of the cells to score the fit on",
)
@click.option(
    "--split",
    is_flag=True,
    help="fit one half of each count, as engine.split_counts draws it by the seed",
)
@click.option("--json", "as_json", is_flag=True, help="end with one line of JSON on stdout")
def fit(
    out: Path, cells: Path | None, holdout: float, split: bool, as_json: bool, **values: Any
) -> None:
    """Fit a model to counts and save it."""
    config = configuration(values)
    gene_choice(values["genes"])
    out = writable(out, source=values["data"])
    wanted = None if cells is None else names_in(cells, "cell names")

    # After the settings are known to be good: JAX and scanpy take seconds to import.
    import engine
    from engine import checks

    data_request = request(values)
    counts = data_request.load()
    for line in counts.report.lines():
        print(line, file=sys.stderr)
    subset: dict[str, Any] = {}
    if wanted is not None and cells is not None:
        counts, subset = cells_named(counts, wanted, cells.name)
    held_out = None
    if holdout:
        counts, held_out = checks.set_aside(counts, holdout, config.seed)
    if split:
        counts, _ = engine.split_counts(counts, seed=config.seed)
    with first_ctrl_c_stops() as stopping:
        result = _run(engine.fit_iter(counts, config), stopping)
        settings = {
            "request": data_request.to_dict(),
            "holdout": holdout,
            "split": split,
            "subset": subset,
        }
        result = result.changed(data=result.data | settings)
        result.save(out, counts=counts.matrix())
        try:
            result = search_structure(result, counts, lambda: bool(stopping))
            add_data(out, result.data)
        except Exception as error:
            # The fit is valid without it, and saved.
            print(f"Not looked for what the factors miss: {describe(error)}", file=sys.stderr)
    # Only now is it known what the fit assumed of the covariates.
    for line in result.data.get("report", {}).get("warnings", ()):
        if line not in counts.report.warnings:
            print(f"Warning: {line}", file=sys.stderr)
    status = result.status
    if (selection := selection_of(result)) is not None:
        print(selection.reason, file=sys.stderr)
    print(f"{status.state} after {status.passes} passes: {status.reason}", file=sys.stderr)
    warnings = [checks.structure_words(result), engine.summaries.bound_words(result)]
    for words in filter(None, warnings):
        print(f"Warning: {words}", file=sys.stderr)
    print(f"Saved {out}", file=sys.stderr)
    summary = _summary(result, out) | {"warnings": [words for words in warnings if words]}
    if held_out is not None:
        scored = checks.score(result, held_out, seed=config.seed)
        print(score_words(scored), file=sys.stderr)
        summary["score"] = scored.to_dict()
        add_data(out, {"score": scored.to_dict()})
    if as_json:
        print(json.dumps(summary))


def _run(steps: Iterator[Progress[AnyFit]], stopping: Sequence[int]) -> AnyFit:
    last = None
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for progress in steps:
            last = progress if progress.snapshot is not None else last
            bar.set_description_str(progress.phase, refresh=False)
            if math.isfinite(progress.log_marginal_per_cell):
                bar.set_postfix_str(
                    f"pass {progress.status.passes}, "
                    f"{progress.log_marginal_per_cell:.3f} nats per cell",
                    refresh=False,
                )
            bar.update(max(progress.fraction - bar.n, 0.0))
            if stopping:
                break
    if last is None or last.snapshot is None:
        if stopping:
            raise KeyboardInterrupt
        raise FitError("a fit", "none after the last pass", "Try other settings.")
    fit = last.snapshot()
    if fit.status.state == "running":
        status = stopped_by_user(fit.status)
        fit = fit.changed(status=status)
    return fit


def _summary(fit: AnyFit, out: Path) -> dict[str, Any]:
    status = fit.status
    judged = fit.diagnostics
    return ({"diagnostics": judged} if judged else {}) | {
        "seconds": round(status.seconds, 3),
        "seconds_without_compilation": round(status.seconds - status.seconds_compiling, 3),
        "passes": status.passes,
        "log_marginal_per_cell": fit.log_marginal_per_cell,
        "status": status.state,
        "reason": status.reason,
        "n_failed_cells": status.n_failed_cells,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "model": fit.model,
        "factors": fit.n_factors,
        "cells": len(fit.cells),
        "genes": len(fit.genes),
        "out": str(out),
    }
