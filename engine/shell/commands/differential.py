"""The command ``python -m engine differential``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from engine.shell.click_command import ShellCommand
from engine.shell.common import writable
from engine.shell.counts_arguments import fitted, reading
from engine.shell.group_options import last_of

_GENES, _SHOWN = 40, 10


@click.command(cls=ShellCommand)
@click.argument("fit_a", metavar="FIT_A.h5ad", type=Path, help="A saved fit of group A.")
@click.argument("fit_b", metavar="FIT_B.h5ad", type=Path, help="A saved fit of group B.")
@click.option("--data-a", help="what A was fitted to; the counts saved with the fit if not given")
@click.option("--data-b", help="what B was fitted to; the counts saved with the fit if not given")
@reading
@click.option("--genes", help="names, with commas; those that vary most if not given")
@click.option(
    "--out", type=Path, required=True, metavar="TABLE.csv", help="where to save the table"
)
def differential(
    fit_a: Path,
    fit_b: Path,
    data_a: str | None,
    data_b: str | None,
    genes: str | None,
    out: Path,
    **values: Any,
) -> None:
    """Compare the correlations of two fits, of the same genes in different cells."""
    out = writable(writable(out, source=data_a), source=data_b)

    from engine.checks import uncertainty_iter
    from engine.comparing import check_comparable, with_groups
    from engine.comparing import differential as compare
    from engine.results import load
    from engine.spreadsheet import write_csv
    from engine.summaries import top_variance_genes, with_ids
    from engine.summaries.positions import gene_positions

    fits = [load(path) for path in (fit_a, fit_b)]
    # Checked before the work that takes long.
    check_comparable(*fits)
    if genes is None:
        positions = gene_positions(fits[0], top_variance_genes(fits[0], _GENES))
    else:
        positions = gene_positions(fits[0], [name.strip() for name in genes.split(",")])
    known = []
    for name, fit, path, data in zip("AB", fits, (fit_a, fit_b), (data_a, data_b), strict=True):
        counts = fitted(fit, path, data, values)
        known.append(last_of(uncertainty_iter(fit, counts), f"uncertainty of {name}").uncertainty)
    comparison = compare(fits[0], known[0], fits[1], known[1])
    table = comparison.pairs(positions)
    write_csv(with_groups(with_ids(table, fits[0]), fit_a.name, fit_b.name, comparison.unit), out)
    print(f"Saved {out}: {len(table):,} pairs", file=sys.stderr)
    # Adding 0.0 makes −0.0 positive.
    print(table.head(_SHOWN).to_string(index=False, float_format=lambda x: f"{x + 0.0:.3g}"))
