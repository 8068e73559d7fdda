"""What ``python -m engine report`` does: asks the figures' package for a report."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from engine.errors import ConfigError
from engine.shell.common import writable


def options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.set_defaults(command=report)
    add = parser.add_argument
    add("fit", type=Path, metavar="FIT.h5ad", help="a saved fit")
    add("--out", type=Path, required=True, metavar="REPORT.html", help="where to write the report")
    add("--zip", type=Path, metavar="FIGURES.zip", help="where to write its figures and tables")
    add("--data", metavar="DATA", help="where the counts of the fit are now")
    add("--no-umap", action="store_true", help="show cells by the first two factors or topics")


def report(options: argparse.Namespace) -> None:
    """Write the report of a saved fit."""
    fit = options.fit
    out = writable(options.out, source=fit)
    bundle = None if options.zip is None else writable(options.zip, source=fit)
    if bundle is not None and bundle.resolve() == out.resolve():
        raise ConfigError("--zip beside --out", "the same file twice", "Choose another --zip.")
    # By name: figures for papers are the page's, on which the engine does not depend, and only
    # this command needs them.
    try:
        shell = importlib.import_module("dashboard.report.shell")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the package 'dashboard', which draws the figures",
            f"no module {error.name}",
            "Install Logratio as a whole, or run this where it is.",
        ) from error
    shell.write(
        fit,
        out,
        bundle=bundle,
        data=options.data,
        umap=not options.no_umap,
        tell=lambda words: print(words, file=sys.stderr),
    )
    for path in (out, bundle):
        if path is not None:
            print(f"Saved {path}", file=sys.stderr)
