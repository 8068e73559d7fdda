"""Shared by the commands that fit: settings, counts, Ctrl-C and where to save."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import ConfigError, DataError
from engine.registry import FAMILIES, MODELS, Config
from engine.shell.click_command import options
from engine.shell.counts_arguments import choices, given_choices
from engine.shell.options import check_given, given, settings

if TYPE_CHECKING:
    from engine.data import Counts, DataRequest


def settings_of_a_fit(*, sizes: bool) -> Callable[[Any], Any]:
    """The data and all settings, those of the numbers of factors and topics only with ``sizes``."""
    models = click.Choice(tuple(MODELS))
    return options(
        click.argument("data", help="Counts: a file or folder (see README), or 'demo'."),
        click.option(
            "--model",
            type=models,
            default=next(iter(MODELS)),
            help=" ".join(f"{name}: {line}" for family in FAMILIES for name, line in family.titles),
        ),
        click.option(
            "--genes",
            default="2000",
            help="how many, 'all', a file of names, or names with commas",
        ),
        click.option(
            "--layer", help="layer of raw counts (X, raw or a name; guessed if not given)"
        ),
        click.option(
            "--gene-names",
            metavar="COLUMN",
            help="column of var with the names of the genes, or 'index'; a column of symbols "
            "beside an index of ids is found if not given",
        ),
        choices,
        click.option("--reference", help="gene that is the ALR reference"),
        click.option(
            "--library-size",
            metavar="COLUMN",
            help="labels with each cell's counts over all genes",
        ),
        settings(sizes=sizes),
        click.option(
            "--set",
            "set_",
            multiple=True,
            metavar="NAME=VALUE",
            help="a setting by its name in Python; may be repeated",
        ),
    )


def configuration(values: Mapping[str, Any], size: int | None = None) -> Config:
    """The settings of a fit; ConfigError if they cannot be used.

    Parameters
    ----------
    values
        Values of the options of `settings_of_a_fit`.
    size
        Number of factors or topics, for a command that has no option for it.
    """
    typed = given(values)
    family = MODELS[values["model"]]
    own = {name: value for name, value in typed.items() if name in family.config.settings()}
    sizes = {} if size is None else {family.config.size_name(): size}
    config = family.configured(values["model"], **own, **sizes)
    merged = dataclasses.asdict(config) | dict(map(_setting, values["set_"]))
    config = family.config.from_dict(merged)
    check_given(typed, config)
    return config


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a value that is no JSON is text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def request(values: Mapping[str, Any]) -> DataRequest:
    """The data request of a fit; ConfigError if the choice of genes cannot be used."""
    from engine.data import DataRequest

    genes: Any = gene_choice(values["genes"])
    return DataRequest(
        values["data"],
        values["layer"],
        genes,
        values["reference"],
        values["library_size"],
        values["gene_names"],
        **given_choices(values),
    )


@contextlib.contextmanager
def first_ctrl_c_stops(
    message: bytes = b"Stopping after this pass. Ctrl-C again to quit without saving.",
) -> Iterator[list[int]]:
    """The list that is yielded is empty until Ctrl-C; a second one interrupts as usual."""
    stopping: list[int] = []

    def note(number: int, frame: object) -> None:
        stopping.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not print: a signal may come while the progress bar is being printed.
        os.write(2, b"\n" + message + b"\n")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, before)


def gene_choice(text: str) -> int | str | tuple[str, ...]:
    """A number, "all", or names from a file or a list with commas; ConfigError for others."""
    if text == "all":
        return text
    if text.isdecimal():
        return int(text)
    path = Path(text)
    if path.is_file():
        return names_in(path, "gene names")
    if len(path.parts) > 1 or path.suffix in (".txt", ".csv", ".tsv"):
        raise ConfigError("a file of gene names", f"no file {text}", "Check the path.")
    return _names(text.split(","), "gene names", repr(text))


def names_in(path: Path, what: str) -> tuple[str, ...]:
    """Names in a text file, one a line; ConfigError if there is none."""
    from engine.spreadsheet import unguarded

    try:
        names = path.read_text(encoding="utf-8-sig").splitlines()
        if path.suffix in (".csv", ".tsv"):
            names = [unguarded(name) for name in names]
    except (OSError, ValueError) as error:
        raise ConfigError(f"a text file of {what}", str(error), "Check the file.") from error
    return _names(names, what, str(path))


def _names(given: list[str], what: str, place: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given if name.strip())
    if not names:
        raise ConfigError(what, f"none in {place}", "Give one a line, or with commas between them.")
    return names


def cells_named(counts: Counts, names: tuple[str, ...], file: str) -> tuple[Counts, dict[str, Any]]:
    """The counts of the named cells, in the order of the counts, and the entry in the fit.

    Their number is printed on stderr.

    Raises
    ------
    DataError
        If a name is not that of a cell.
    """
    import pandas as pd

    from engine.jobs.cell_subset import CellSubset

    wanted = pd.Index(names).unique()
    unknown = wanted.difference(counts.cells)
    if len(unknown):
        raise DataError(
            f"names of cells of {counts.name} in {file}",
            f"{len(unknown):,} of {len(wanted):,} that are none, the first {unknown[0]!r}",
            "Give the names as the data have them.",
        )
    subset = CellSubset(counts.cells.isin(wanted), f"the cells named in {file}", False)
    words = f"Fitting {len(wanted):,} of {counts.n_cells:,} cells, those named in {file}."
    if again := len(names) - len(wanted):
        words += f" Names that it repeats were left out: {again:,}."
    print(words, file=sys.stderr)
    return counts.take(subset.mask), subset.to_dict()


def writable(out: Path, source: str | None = None) -> Path:
    """The path to save to; ConfigError, before any work, if nothing can be saved there."""
    if source is not None and out.resolve() == Path(source).resolve():
        raise ConfigError("--out beside the data", "the data file itself", "Choose another --out.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        usable = os.access(out.parent, os.W_OK) and not out.is_dir()
    except OSError:
        usable = False
    if not usable:
        raise ConfigError("--out in a folder you may write to", str(out), "Choose another --out.")
    return out
