"""The command ``python -m engine check``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from engine.errors import ConfigError
from engine.jobs.failures import describe
from engine.shell.click_command import ShellCommand
from engine.shell.common import writable
from engine.shell.counts_arguments import fitted, of_its_cells

if TYPE_CHECKING:
    from engine.checks import PredictiveCheck
    from engine.checks.predictive.check_settings import CheckTotals
    from engine.fitting.predictive import Mode
    from engine.jobs.checking import Fraction

_SHOWN = 10
_TESTS = {
    "missed": "looking for pairs of genes that the fit misses",
    "structure": "looking for what the factors miss",
    "quality": "testing the approximation",
}
# As `engine.checks.predictive.check_settings` has them; importing that takes seconds.
MODES = ("laplace", "map", "population")
TOTALS = ("observed", "model")


@click.command(cls=ShellCommand)
@of_its_cells
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="laplace",
    help="where the latents of cells come from",
)
@click.option(
    "--totals",
    type=click.Choice(TOTALS),
    help="total counts of a draw; by default the mode's own",
)
@click.option("--draws", type=int, default=100, help="replicates of the data")
@click.option("--genes", help="names, with commas, of genes whose pairs are correlated")
@click.option(
    "--groups", metavar="COLUMN", help="labels of cells, each of which is checked as well"
)
@click.option("--seed", type=int, default=0, help="seed of the draws")
@click.option("--out", type=Path, metavar="TABLE.csv", help="where to save the table of genes")
@click.option("--json", "as_json", is_flag=True, help="end with one line of JSON on stdout")
def check(
    path: Path,
    data: str | None,
    mode: Mode,
    totals: CheckTotals | None,
    draws: int,
    genes: str | None,
    groups: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare counts with replicates drawn from a saved fit."""
    out = None if out is None else writable(out, source=data)

    from engine import checks
    from engine.checks.predictive.check_settings import CheckSettings
    from engine.jobs import checking
    from engine.results import load
    from engine.summaries import with_ids

    fit = load(path)
    counts = fitted(fit, path, data, values)
    labels = None
    if groups is not None:
        if groups not in counts.obs:
            known = ", ".join(map(str, counts.obs.columns)) or "there are none"
            raise ConfigError(f"a column of labels: {known}", repr(groups), "Change --groups.")
        labels = counts.obs[groups]
    # Wrong settings are refused before anything is computed.
    CheckSettings.for_fit(fit, mode, totals, draws, seed)
    missed = _run_test(lambda: checking.missed_iter(fit, counts), "missed")
    if genes is None:
        shown = checks.genes_to_show(fit, (), missed=missed)
    else:
        shown = [name.strip() for name in genes.split(",") if name.strip()]
    steps = checks.predictive_check_iter(
        fit,
        counts,
        mode=mode,
        totals=totals,
        n_draws=draws,
        genes=shown,
        groups=labels,
        seed=seed,
    )
    result = _last(steps, "checking", lambda step: step.check)
    structure, laplace = None, None
    if fit.can("structure"):
        structure = _run_test(lambda: checking.structure_iter(fit, counts), "structure")
    if fit.can("laplace_test"):
        laplace = _run_test(lambda: checking.quality_iter(fit, counts), "quality")
    result = checking.finding_first(result, structure, missed)
    if out is not None:
        from engine.spreadsheet import write_csv

        write_csv(with_ids(result.genes, fit), out)
        print(f"Saved {out}", file=sys.stderr)
    summary = checking.summary(fit, result, laplace)
    _save_summary(path, mode, summary)
    if as_json:
        print(json.dumps(summary))
    else:
        print(_format_result(result, summary["laplace"]))


def _last[S: Fraction, T](steps: Iterator[S], words: str, outcome: Callable[[S], T | None]) -> T:
    result = None
    form = f"{words} {{percentage:3.0f}}%|{{bar}}| {{elapsed}}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for step in steps:
            bar.update(max(step.fraction - bar.n, 0.0))
            result = outcome(step)
    if result is None:
        raise RuntimeError("the last step has the result")
    return result


def _run_test(steps: Callable[[], Iterator[Any]], outcome: str) -> Any:
    """The result of a test besides the draws; None if it failed."""
    words = _TESTS[outcome]
    try:
        return _last(steps(), words, lambda step: getattr(step, outcome))
    except Exception as error:
        # The predictive check stands on its own.
        print(f"{words} failed: {describe(error)}", file=sys.stderr)
        return None


def _save_summary(fit: Path, mode: str, summary: Mapping[str, Any]) -> None:
    """Save the summary where `engine report` reads it."""
    from engine.jobs import check_file

    try:
        check_file.keep(fit.parent, mode, summary, check_file.name_of(fit))
    except OSError as error:
        print(f"The summary could not be kept: {describe(error)}", file=sys.stderr)


def _format_result(result: PredictiveCheck, warning: str | None) -> str:
    columns = ["group", "gene", "discrepancy", "observed", "predicted", "low_90", "high_90"]
    worst = result.genes.head(_SHOWN)[[*columns, "q_value"]]
    lines = [worst.to_string(index=False, float_format="{:.4g}".format), ""]
    lines += [f"Warning: {warning}"] if warning else []
    lines += result.findings or ["No misfit that is both significant and large."]
    lines += result.notes
    if result.n_failed:
        lines.append(f"The posterior of {result.n_failed:,} cells was not found.")
    return "\n".join(lines)
