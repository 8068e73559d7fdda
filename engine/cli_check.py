"""What ``python -m engine check`` does."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from engine import cli_counts
from engine.cli import writable
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.checks import PredictiveCheck

_SHOWN = 10
# As `engine.checks.predictive.settings` has them; importing that takes seconds.
MODES = ("laplace", "map", "population")
TOTALS = ("observed", "model")


def options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.set_defaults(command=check)
    add = parser.add_argument
    add("fit", type=Path, metavar="FIT.h5ad", help="a saved fit")
    add(
        "data",
        metavar="DATA",
        nargs="?",
        help="the data that it was fitted to; the counts saved with the fit by default",
    )
    cli_counts.options(parser)
    add("--mode", choices=MODES, default="laplace", help="where the latents of cells come from")
    add("--totals", choices=TOTALS, help="total counts of a draw; by default the mode's own")
    add("--draws", type=int, default=100, help="replicates of the data")
    add("--genes", help="names, with commas, of genes whose pairs are correlated")
    add("--groups", metavar="COLUMN", help="labels of cells, each of which is checked as well")
    add("--seed", type=int, default=0, help="seed of the draws")
    add("--out", type=Path, metavar="TABLE.csv", help="where to save the table of genes")
    add("--json", action="store_true", help="end with one line of JSON on stdout")


def check(options: argparse.Namespace) -> None:
    """Compare counts with replicates that a saved fit draws of them."""
    out = None if options.out is None else writable(options.out, source=options.data)

    from engine import checks
    from engine.results import load

    fit = load(options.fit)
    counts = cli_counts.fitted(fit, options)
    groups = None
    if options.groups is not None:
        if options.groups not in counts.obs:
            known = ", ".join(map(str, counts.obs.columns)) or "there are none"
            raise ConfigError(
                f"a column of labels: {known}",
                repr(options.groups),
                "Change --groups.",
            )
        groups = counts.obs[options.groups]
    genes = None
    if options.genes is not None:
        genes = [name.strip() for name in options.genes.split(",") if name.strip()]
    steps = checks.predictive_check_iter(
        fit,
        counts,
        mode=options.mode,
        totals=options.totals,
        n_draws=options.draws,
        genes=genes,
        groups=groups,
        seed=options.seed,
    )
    form = "checking {percentage:3.0f}%|{bar}| {elapsed}"
    found = None
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for step in steps:
            bar.update(max(step.fraction - bar.n, 0.0))
            found = step.check
    if found is None:
        raise RuntimeError("a check ends with its result")
    if out is not None:
        found.genes.to_csv(out, index=False)
        print(f"Saved {out}", file=sys.stderr)
    if options.json:
        print(json.dumps(found.summary()))
    else:
        print(_told(found))


def _told(found: PredictiveCheck) -> str:
    columns = ["group", "gene", "discrepancy", "observed", "predicted", "low_90", "high_90"]
    worst = found.genes.head(_SHOWN)[[*columns, "q_value"]]
    lines = [worst.to_string(index=False, float_format="{:.4g}".format), ""]
    lines += found.findings or ["No misfit that is both significant and large."]
    lines += found.notes
    if found.n_failed:
        lines.append(f"The posterior of {found.n_failed:,} cells was not found.")
    return "\n".join(lines)
