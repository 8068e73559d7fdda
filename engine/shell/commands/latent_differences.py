"""The command ``python -m engine latent-differences``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from engine.shell.click_command import ShellCommand
from engine.shell.common import writable
from engine.shell.counts_arguments import fitted, of_its_cells
from engine.shell.group_options import groups_of_options, last_of


@click.command(cls=ShellCommand)
@of_its_cells
@click.option("--a", required=True, metavar="COLUMN=LEVEL", help="the cells of group A")
@click.option("--b", metavar="COLUMN=LEVEL", help="those of group B; all others if not given")
@click.option(
    "--donor", metavar="COLUMN", help="whom the cells are of: donors are then the units of the test"
)
@click.option(
    "--out", type=Path, required=True, metavar="TABLE.csv", help="where to save the table"
)
def latent_differences(
    path: Path,
    data: str | None,
    a: str,
    b: str | None,
    donor: str | None,
    out: Path,
    **values: Any,
) -> None:
    """Compare the factors or topics of two groups of cells."""
    out = writable(out, source=data)

    from engine.comparing import latent_differences_iter, with_groups
    from engine.results import load
    from engine.spreadsheet import write_csv

    fit = load(path)
    counts = fitted(fit, path, data, values)
    one, other = groups_of_options(counts.obs, a, b)
    steps = latent_differences_iter(fit, counts, one, other, donor=donor)
    result = last_of(steps, "latent-differences").differences
    write_csv(with_groups(result.latents, a, b, donor or result.unit), out)
    print(
        f"Saved {out}: {len(result.latents):,} {fit.latent}s, {result.n_a:,} against "
        f"{result.n_b:,} {result.unit}s",
        file=sys.stderr,
    )
    for note in result.notes:
        print(f"Note: {note}", file=sys.stderr)
    print(result.latents.to_string(index=False, float_format="{:.3g}".format))
