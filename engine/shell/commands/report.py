"""The command ``python -m engine report``: writes a report by the page's package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from engine.errors import ConfigError
from engine.shell.click_command import ShellCommand
from engine.shell.common import writable
from engine.shell.counts_arguments import saved_fit


@click.command(cls=ShellCommand)
@saved_fit
@click.option(
    "--out", type=Path, required=True, metavar="REPORT.html", help="where to write the report"
)
@click.option(
    "--zip",
    "bundle",
    type=Path,
    metavar="FIGURES.zip",
    help="where to write its figures and tables",
)
@click.option("--data", metavar="DATA", help="where the counts of the fit are now")
@click.option("--no-umap", is_flag=True, help="show cells by the first two factors or topics")
def report(path: Path, out: Path, bundle: Path | None, data: str | None, no_umap: bool) -> None:
    """Write the report of a saved fit."""
    out = writable(out, source=str(path))
    bundle = None if bundle is None else writable(bundle, source=str(path))
    if bundle is not None and bundle.resolve() == out.resolve():
        raise ConfigError("--zip beside --out", "the same file twice", "Choose another --zip.")
    # Imported by name: the figures belong to the page, on which the engine does not depend; only
    # this command needs them.
    try:
        shell = importlib.import_module("dashboard.report.from_shell")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the package 'dashboard', which draws the figures",
            f"no module {error.name}",
            "Install Logratio as a whole, or run this where it is.",
        ) from error
    shell.write(
        path,
        out,
        bundle=bundle,
        data=data,
        umap=not no_umap,
        on_progress=lambda words: print(words, file=sys.stderr),
    )
    for made in (out, bundle):
        if made is not None:
            print(f"Saved {made}", file=sys.stderr)
