"""The command ``python -m engine sweep``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from engine.jobs import Jobs, stop_sweep, submit_sweep, sweep_of
from engine.jobs.sweeps import numbers, runs_of
from engine.shell.click_command import ShellCommand
from engine.shell.common import (
    configuration,
    first_ctrl_c_stops,
    request,
    settings_of_a_fit,
    writable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.checks import Sweep

_POLL_SECONDS = 0.1
_SHOWN = {
    "value": "{:.0f}",
    "perplexity": "{:.5g}",
    "perplexity_se": "{:.2g}",
    "excess": "{:.3g}",
    "excess_se": "{:.2g}",
    "coherence": "{:.3f}",
    "diversity": "{:.2f}",
    "effective": "{:.1f}",
    "stability": "{:.3f}",
    "seconds": "{:.1f}",
}


@click.command(cls=ShellCommand)
@settings_of_a_fit(sizes=False)
@click.option(
    "--values",
    "sizes",
    required=True,
    metavar="5,10,20",
    help="numbers of topics or factors to try",
)
@click.option(
    "--seeds", type=int, default=1, help="how many seeds, from --seed on, for each number"
)
@click.option(
    "--holdout",
    type=float,
    default=0.1,
    metavar="SHARE",
    help="share of the cells to score the fits on",
)
@click.option("--out", type=Path, metavar="TABLE.csv", help="where to save the table")
@click.option("--json", "as_json", is_flag=True, help="end with one line of JSON on stdout")
def sweep(
    sizes: str, seeds: int, holdout: float, out: Path | None, as_json: bool, **values: Any
) -> None:
    """Compare numbers of topics or factors on held-out cells."""
    tried = numbers(sizes)
    # Each run has a number of its own.
    config = configuration(values, tried[0])
    for size in tried:
        config.sized(size)
    out = None if out is None else writable(out, source=values["data"])
    data_request = request(values)
    counts = data_request.load()
    for line in counts.report.lines():
        print(line, file=sys.stderr)
    jobs = Jobs()
    try:
        id = submit_sweep(
            jobs,
            data_request,
            config,
            tried,
            seeds=seeds,
            holdout=holdout,
            counts=counts,
        )
        del counts
        with first_ctrl_c_stops(b"Stopping. Ctrl-C again to quit without a table.") as stopping:
            _wait(jobs, id, stopping)
            result = sweep_of(jobs, id)
    finally:
        jobs.close()
    for status in runs_of(jobs, id):
        if status.state != "done" or status.score is None:
            reasons = [line for line in status.log if "could not be scored" in line]
            print(
                f"{status.name}: {status.state}. {' '.join([*reasons, status.message])}",
                file=sys.stderr,
            )
    print(f"The runs are kept in {jobs.home}, as sweep {id}", file=sys.stderr)
    if out is not None:
        from engine.spreadsheet import write_csv

        write_csv(result.table, out)
        print(f"Saved {out}", file=sys.stderr)
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        print(_format_table(result))


def _wait(jobs: Jobs, id: str, stopping: Sequence[int]) -> None:
    stopped = False
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}"
    runs = runs_of(jobs, id)
    with tqdm(total=float(len(runs)), file=sys.stderr, bar_format=form) as bar:
        while any(run.active for run in runs):
            if stopping and not stopped:
                stop_sweep(jobs, id)
                stopped = True
            time.sleep(_POLL_SECONDS)
            runs = runs_of(jobs, id)
            now = next((run for run in runs if run.state == "running"), None)
            if now is not None:
                bar.set_description_str(f"{now.name}: {now.phase}", refresh=False)
            done = sum(run.fraction if run.active else 1.0 for run in runs)
            bar.update(max(done - bar.n, 0.0))


def _format_table(result: Sweep) -> str:
    shown = {name: result.table[name].map(form.format) for name, form in _SHOWN.items()}
    table = result.table.assign(**shown)[list(shown)].rename(columns={"value": result.parameter})
    return f"{table.to_string(index=False)}\n{result.reason}"
