"""The command ``python -m engine coefficients``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine.shell.click_command import ShellCommand
from engine.shell.common import writable

_SHOWN = 10


@click.command(cls=ShellCommand)
@click.argument("path", type=Path, metavar="FIT.h5ad")
@click.option(
    "--out", type=Path, required=True, metavar="TABLE.csv", help="where to save the table"
)
def coefficients(path: Path, out: Path) -> None:
    """Print the effect of each covariate of a fit on each gene."""
    out = writable(out)

    from engine.comparing import coefficients
    from engine.results import load
    from engine.spreadsheet import write_csv
    from engine.summaries import with_ids

    fit = load(path)
    table = coefficients(fit)
    write_csv(with_ids(table, fit), out)
    print(f"Saved {out}: {len(table):,} rows", file=sys.stderr)
    for column, own in table.groupby("column", sort=False):
        if own["p_value"].isna().all():
            print(f"Not tested: {column}, of fewer than 3 levels on a side.", file=sys.stderr)
    print(table.head(_SHOWN).to_string(index=False, float_format="{:.3g}".format))
