"""What ``python -m engine check`` does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from engine.errors import ConfigError
from engine.jobs.failures import describe
from engine.shell.common import writable
from engine.shell.counts import fitted, own_data

if TYPE_CHECKING:
    from engine.checks import PredictiveCheck
    from engine.jobs.checking import Fraction

_SHOWN = 10
_BESIDE = {
    "missed": "looking for pairs of genes that the fit misses",
    "structure": "looking for what the factors miss",
    "quality": "testing the approximation",
}
# As `engine.checks.predictive.settings` has them; importing that takes seconds.
MODES = ("laplace", "map", "population")
TOTALS = ("observed", "model")


def options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.set_defaults(command=check)
    add = parser.add_argument
    add("fit", type=Path, metavar="FIT.h5ad", help="a saved fit")
    own_data(parser)
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
    from engine.checks.predictive.settings import CheckSettings
    from engine.jobs import checking
    from engine.results import load
    from engine.summaries import with_ids

    fit = load(options.fit)
    counts = fitted(fit, options)
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
    # Refused before anything is worked out.
    CheckSettings.chosen(fit, options.mode, options.totals, options.draws, options.seed)
    missed = _beside(lambda: checking.missed_iter(fit, counts), "missed")
    if genes is None:
        genes = checks.genes_to_show(fit, (), missed=missed)
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
    found = _last(steps, "checking", lambda step: step.check)
    structure, laplace = None, None
    if fit.can("structure"):
        structure = _beside(lambda: checking.structure_iter(fit, counts), "structure")
    if fit.can("laplace_test"):
        laplace = _beside(lambda: checking.quality_iter(fit, counts), "quality")
    found = checking.finding_first(found, structure, missed)
    if out is not None:
        from engine.spreadsheet import write_csv

        write_csv(with_ids(found.genes, fit), out)
        print(f"Saved {out}", file=sys.stderr)
    summary = checking.summary(fit, found, laplace)
    _keep(options.fit, options.mode, summary)
    if options.json:
        print(json.dumps(summary))
    else:
        print(_told(found, summary["laplace"]))


def _last[S: Fraction, T](steps: Iterator[S], words: str, outcome: Callable[[S], T | None]) -> T:
    found = None
    form = f"{words} {{percentage:3.0f}}%|{{bar}}| {{elapsed}}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for step in steps:
            bar.update(max(step.fraction - bar.n, 0.0))
            found = outcome(step)
    if found is None:
        raise RuntimeError("the last step has the result")
    return found


def _beside(steps: Callable[[], Iterator[Any]], outcome: str) -> Any:
    """What a test beside the draws found; None if it failed."""
    words = _BESIDE[outcome]
    try:
        return _last(steps(), words, lambda step: getattr(step, outcome))
    except Exception as error:
        # The predictive check stands on its own.
        print(f"{words} failed: {describe(error)}", file=sys.stderr)
        return None


def _keep(fit: Path, mode: str, summary: Mapping[str, Any]) -> None:
    """Where `engine report` finds it."""
    from engine.jobs import check_file

    try:
        check_file.keep(fit.parent, mode, summary, check_file.name_of(fit))
    except OSError as error:
        print(f"The summary could not be kept: {describe(error)}", file=sys.stderr)


def _told(found: PredictiveCheck, warning: str | None) -> str:
    columns = ["group", "gene", "discrepancy", "observed", "predicted", "low_90", "high_90"]
    worst = found.genes.head(_SHOWN)[[*columns, "q_value"]]
    lines = [worst.to_string(index=False, float_format="{:.4g}".format), ""]
    lines += [f"Warning: {warning}"] if warning else []
    lines += found.findings or ["No misfit that is both significant and large."]
    lines += found.notes
    if found.n_failed:
        lines.append(f"The posterior of {found.n_failed:,} cells was not found.")
    return "\n".join(lines)
