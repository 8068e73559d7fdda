"""Arguments and options of the counts that commands read, mostly with a saved fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import DataError
from engine.shell.click_command import options

if TYPE_CHECKING:
    from engine.data import Counts
    from engine.results import AnyFit


choices = options(
    click.option("--sample", help="of a folder of several samples: the one to read"),
    click.option("--genome", help="read the genes of this genome alone"),
    click.option(
        "--feature-type",
        metavar="TYPE",
        help="features to read, e.g. 'Antibody Capture', or 'all'; of .h5mu the modality (Gene "
        "Expression if there is any)",
    ),
    click.option(
        "--cells-in",
        type=click.Choice(["rows", "columns"]),
        help="of a table or matrix that does not tell: where the cells are",
    ),
    click.option(
        "--round/--no-round",
        default=None,
        help="round counts that a correction for ambient RNA left fractional",
    ),
)
# How DATA is read; options that are not given are as they were for the fit.
reading = options(
    click.option(
        "--layer", help="layer of raw counts (X, raw or a name); as for the fit if not given"
    ),
    click.option(
        "--gene-names",
        metavar="COLUMN",
        help="column of var with the names of the genes, or 'index'; as for the fit if not given",
    ),
    click.option(
        "--library-size",
        metavar="COLUMN",
        help="labels with each cell's counts over all genes ('' for none); as for the fit if not "
        "given",
    ),
    choices,
)
saved_fit = click.argument("path", metavar="FIT.h5ad", type=Path, help="A saved fit.")
# A fit and the counts of its own cells.
of_its_cells = options(
    saved_fit,
    click.argument(
        "data",
        required=False,
        help="The data that it was fitted to; the counts saved with the fit by default.",
    ),
    reading,
)


def given_choices(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `choices` that were given."""
    names = ("sample", "genome", "feature_type", "cells_in", "round")
    return {name: values[name] for name in names if values[name] is not None}


def read_as(fit: AnyFit, data: str, values: Mapping[str, Any]) -> Counts:
    """DATA over all its genes, from the layer and with the library sizes of the fit's request.

    Genes outside the fit are pooled later, and those that no cell expresses are known.
    """
    from engine.data import INDEX, Choices, inspect_source, read_counts
    from engine.data.choices import OPTIONS as CHOICES

    saved = fit.data.get("request") or {}
    given = {name: values[name] for name in ("layer", "library_size", "gene_names")}
    how: dict[str, Any] = {
        name: (saved.get(name) if value is None else value) or None for name, value in given.items()
    }
    picked = {name: saved[name] for name in CHOICES if saved.get(name)} | given_choices(values)
    if how["gene_names"] is None and fit.gene_ids is None:
        # A fit without ids may name genes by the index, with numbers added to repeated names.
        by_index = inspect_source(data, Choices(**picked)).gene_names == INDEX
        how["gene_names"] = INDEX if by_index else None
    return read_counts(data, genes="all", **how, **picked)


def fitted(fit: AnyFit, path: Path, data: str | None, values: Mapping[str, Any]) -> Counts:
    """The counts of the cells of a fit: from DATA if that is given, else those saved with it.

    Parameters
    ----------
    path
        Path of the fit.
    values
        Values of the options of `reading`.

    Raises
    ------
    DataError
        If there are none, or they are not those that were fitted.
    """
    from engine.data import Counts
    from engine.jobs.fitted_counts import own_cells
    from engine.results import load_counts

    if data is not None:
        return own_cells(fit, read_as(fit, data, values))
    saved = load_counts(path)
    if saved is None:
        raise DataError("a fit saved with its counts, or DATA", "neither", "Name DATA.")
    name = path.name
    counts = Counts.from_arrays(saved, fit.genes, fit.cells, obs=fit.obs, name=name)
    return own_cells(fit, counts)
