"""Which counts the commands read that are about a saved fit."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from engine.errors import DataError
from engine.shell.options import choices, chosen

if TYPE_CHECKING:
    from engine.data import Counts
    from engine.results import AnyFit


def options(parser: argparse.ArgumentParser) -> None:
    """Arguments that say how DATA is read; what is not given is as it was for the fit."""
    add = parser.add_argument
    add("--layer", help="layer of raw counts (X, raw or a name); as for the fit if not given")
    add(
        "--gene-names",
        metavar="COLUMN",
        help="column of var with the names of the genes, or 'index'; as for the fit if not given",
    )
    add(
        "--library-size",
        metavar="COLUMN",
        help="labels with each cell's counts over all genes ('' for none); as for the fit if not "
        "given",
    )
    choices(parser)


def own_data(parser: argparse.ArgumentParser) -> None:
    """The argument DATA of commands about the very cells of a fit, and how it is read."""
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="the data that it was fitted to; the counts saved with the fit by default",
    )
    options(parser)


def read_as(fit: AnyFit, options: argparse.Namespace) -> Counts:
    """DATA over all its genes, from the layer and with the library sizes that the fit asked for.

    Genes outside the fit are pooled later, and those that no cell expresses are known.
    """
    from engine.data import INDEX, Choices, inspect_source, read_counts
    from engine.data.choices import ASKED as CHOICES

    asked = fit.data.get("request") or {}
    given = {name: getattr(options, name) for name in ("layer", "library_size", "gene_names")}
    how: dict[str, Any] = {
        name: (asked.get(name) if value is None else value) or None for name, value in given.items()
    }
    choices = {name: asked[name] for name in CHOICES if asked.get(name)} | chosen(options)
    if how["gene_names"] is None and fit.gene_ids is None:
        # A fit that knows no ids may call genes as the index does, those of one name by numbers.
        by_index = inspect_source(options.data, Choices(**choices)).gene_names == INDEX
        how["gene_names"] = INDEX if by_index else None
    return read_counts(options.data, genes="all", **how, **choices)


def fitted(fit: AnyFit, options: argparse.Namespace) -> Counts:
    """The counts of the cells of a fit: from DATA if that is given, else those saved with it.

    Raises
    ------
    DataError
        If there are none, or they are not those that were fitted.
    """
    from engine.data import Counts
    from engine.jobs.counts import own_cells
    from engine.results import load_counts

    if options.data is not None:
        return own_cells(fit, read_as(fit, options))
    saved = load_counts(options.fit)
    if saved is None:
        raise DataError("a fit saved with its counts, or DATA", "neither", "Name DATA.")
    name = options.fit.name
    counts = Counts.from_arrays(saved, fit.genes, fit.cells, obs=fit.obs, name=name)
    return own_cells(fit, counts)
