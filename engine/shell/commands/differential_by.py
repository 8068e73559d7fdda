"""The command ``python -m engine differential-by``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from engine.shell.click_command import ShellCommand
from engine.shell.common import writable
from engine.shell.counts_arguments import fitted, of_its_cells
from engine.shell.group_options import groups_of_options, last_of

_GENES, _SHOWN = 40, 10


@click.command(cls=ShellCommand)
@of_its_cells
@click.option("--by", metavar="COLUMN", help="a column of two levels, of which the first is B")
@click.option("--a", metavar="COLUMN=LEVEL", help="instead of --by: the cells of group A")
@click.option("--b", metavar="COLUMN=LEVEL", help="those of group B; all others if not given")
@click.option(
    "--donor", metavar="COLUMN", help="whom the cells are of: one fit of each, the unit of the test"
)
@click.option("--genes", help="names, with commas; those that vary most if not given")
@click.option(
    "--out", type=Path, required=True, metavar="TABLE.csv", help="where to save the table"
)
def differential_by(
    path: Path,
    data: str | None,
    by: str | None,
    a: str | None,
    b: str | None,
    donor: str | None,
    genes: str | None,
    out: Path,
    **values: Any,
) -> None:
    """Fit two groups of the cells of a fit, and compare their correlations."""
    out = writable(out, source=data)

    from engine.comparing import differential_by_iter, with_groups
    from engine.errors import ConfigError
    from engine.results import load
    from engine.spreadsheet import write_csv
    from engine.summaries import top_variance_genes, with_ids
    from engine.summaries.positions import gene_positions

    if (by is None) == (a is None) or (by is not None and b is not None):
        raise ConfigError(
            "either --by COLUMN, or --a COLUMN=LEVEL with or without --b",
            "both" if by is not None else "neither",
            "Say what tells the groups apart.",
        )
    fit = load(path)
    names = (
        top_variance_genes(fit, _GENES)
        if genes is None
        else [name.strip() for name in genes.split(",")]
    )
    positions = gene_positions(fit, names)
    counts = fitted(fit, path, data, values)
    groups: Any = by
    if a is not None:
        groups = groups_of_options(counts.obs, a, b)
    comparison = last_of(
        differential_by_iter(fit, counts, groups, donor=donor), "differential-by"
    ).differential
    table = comparison.pairs(positions)
    one, other = (comparison.a, comparison.b) if a is None else (a, b)
    write_csv(with_groups(with_ids(table, fit), one, other, donor or comparison.unit), out)
    print(
        f"Saved {out}: {len(table):,} pairs, {comparison.n_a:,} against {comparison.n_b:,} "
        f"{comparison.unit}s ({comparison.a} against {comparison.b})",
        file=sys.stderr,
    )
    for note in comparison.notes:
        print(f"Note: {note}", file=sys.stderr)
    print(table.head(_SHOWN).to_string(index=False, float_format="{:.3g}".format))
