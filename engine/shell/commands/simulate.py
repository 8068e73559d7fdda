"""The command ``python -m engine simulate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.files.atomic import atomic_write
from engine.files.writing import write_portable
from engine.registry import MODELS
from engine.shell.click_command import ShellCommand
from engine.shell.common import writable

if TYPE_CHECKING:
    from engine.data.simulate import Model


@click.command(cls=ShellCommand)
@click.option(
    "--out", type=Path, required=True, metavar="SIM.h5ad", help="where to save the counts"
)
@click.option("--model", type=click.Choice(tuple(MODELS)), default=next(iter(MODELS)))
@click.option("--cells", type=int, default=5000)
@click.option("--genes", type=int, default=2000)
@click.option("--factors", type=int, default=5)
@click.option("--seed", type=int, default=0)
def simulate(out: Path, model: Model, cells: int, genes: int, factors: int, seed: int) -> None:
    """Draw counts of known truth and save them with it."""
    out = writable(out)

    from engine.data import simulate as draw

    data = draw(model, cells=cells, genes=genes, factors=factors, seed=seed)
    with atomic_write(out) as temporary:
        write_portable(data, temporary, "gzip")
    print(f"Saved {out}: {data.n_obs:,} cells × {data.n_vars:,} genes", file=sys.stderr)
