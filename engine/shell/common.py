"""What the commands that fit share: settings, counts, Ctrl-C and where to save."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError
from engine.registry import MODELS, Config, config_from_dict
from engine.shell.options import check_given, chosen

if TYPE_CHECKING:
    from engine.data import DataRequest


def configuration(options: argparse.Namespace) -> Config:
    """The settings of a fit; ConfigError if they cannot be used."""
    given = {"seed": options.seed, "max_seconds": options.max_seconds}
    if options.max_passes is not None:
        given["max_passes"] = options.max_passes
    if options.tolerance is not None:
        given["tolerance"] = options.tolerance
    if options.max_epochs is not None:
        given["max_epochs"] = options.max_epochs
    if options.inference is not None:
        given["inference"] = options.inference
    family = MODELS[options.model]
    own = {option.setting: getattr(options, option.dest) for option in family.options}
    config = family.configured(options.model, **own, **given)
    config = config_from_dict(config.to_dict() | dict(map(_setting, options.set)))
    check_given(getattr(options, "given", ()), config)
    return config


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a value that is no JSON is text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def request(options: argparse.Namespace) -> DataRequest:
    """The counts that a fit is of; ConfigError if the choice of genes cannot be used."""
    from engine.data import DataRequest

    genes: Any = gene_choice(options.genes)
    return DataRequest(
        options.data,
        options.layer,
        genes,
        options.reference,
        options.library_size,
        options.gene_names,
        **chosen(options),
    )


@contextlib.contextmanager
def first_ctrl_c_stops(
    told: bytes = b"Stopping after this pass. Ctrl-C again to quit without saving.",
) -> Iterator[list[int]]:
    """The list that is yielded is empty until Ctrl-C; a second one interrupts as usual."""
    stopping: list[int] = []

    def note(number: int, frame: object) -> None:
        stopping.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not print: a signal may come while the progress bar is being printed.
        os.write(2, b"\n" + told + b"\n")

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
        from engine.spreadsheet import unguarded

        try:
            names = path.read_text(encoding="utf-8").splitlines()
            if path.suffix in (".csv", ".tsv"):
                names = [unguarded(name) for name in names]
        except (OSError, ValueError) as error:
            raise ConfigError("a text file of gene names", str(error), "Check the file.") from error
    elif len(path.parts) > 1 or path.suffix in (".txt", ".csv", ".tsv"):
        raise ConfigError("a file of gene names", f"no file {text}", "Check the path.")
    else:
        names = text.split(",")
    found = tuple(name.strip() for name in names if name.strip())
    if not found:
        raise ConfigError("gene names", f"none in {text!r}", "Give a number, 'all' or names.")
    return found


def writable(out: Path, source: str | None = None) -> Path:
    """Refuse early what cannot be saved in the end; ConfigError then."""
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
