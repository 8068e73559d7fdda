"""The command that repeats a fit: configuration and data request -> arguments of ``fit``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.data import INDEX, DataRequest
from engine.data.choices import OPTIONS as CHOICES
from engine.registry import Config
from engine.results import OTHER, AnyFit
from engine.shell.options import SIZES
from engine.summaries.methods import n_set_aside

if TYPE_CHECKING:
    import pandas as pd

GENES, CELLS = "genes.txt", "cells.txt"
# Lists of gene names with more characters go to a file.
_INLINE = 200


@dataclass(frozen=True)
class Command:
    """The command that repeats a fit.

    Attributes
    ----------
    arguments
        After ``python -m engine``.
    files
        Files that the working directory must have: name -> text.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return shlex.join(["python", "-m", "engine", *self.arguments])


def fit_command(
    config: Config,
    request: DataRequest,
    *,
    holdout: float = 0.0,
    split: bool = False,
    cells: pd.Index | None = None,
    out: str = "fit.h5ad",
) -> Command:
    """The command whose options give ``config`` and ``request``.

    It names the source, the model, its size and all settings that differ from the defaults.

    Parameters
    ----------
    cells
        Names of the cells to fit; all by default.
    """
    files: dict[str, str] = {}
    arguments = ["fit", request.source, "--model", config.model]
    arguments += _of_config(config)
    arguments += _genes(request.genes, files)
    texts = (name for name in CHOICES if name != "round")
    for name in ("layer", "reference", "library_size", "gene_names", *texts):
        if (value := getattr(request, name)) is not None:
            arguments += _option(f"--{name.replace('_', '-')}", value)
    arguments += ["--round"] if request.round else []
    if cells is not None:
        files[CELLS] = "".join(f"{name}\n" for name in cells)
        arguments += ["--cells", CELLS]
    if holdout:
        arguments += ["--holdout", repr(holdout)]
    arguments += ["--split"] if split else []
    return Command((*arguments, "--out", out), files)


def _of_config(config: Config) -> list[str]:
    arguments: list[str] = []
    used = config.in_use()
    for name, one in config.settings().items():
        value = getattr(config, name)
        # A number of factors or topics is given in any case.
        if value == one.default and name not in SIZES:
            continue
        # A sequence, and a setting that the fit does not use, is given by --set.
        if name not in used or value is None or isinstance(value, tuple):
            arguments += ["--set", f"{name}={json.dumps(value)}"]
        elif one.kind == "switch":
            arguments.append(one.flag if value else one.flag.replace("--", "--no-", 1))
        else:
            arguments += _option(one.flag, one.write(value))
    return arguments


def _genes(genes: int | str | tuple[str, ...], files: dict[str, str]) -> list[str]:
    if not isinstance(genes, tuple):
        return [] if genes == 2000 else ["--genes", str(genes)]
    plain = ",".join(genes)
    # What could be taken for a number, a path or two names is safe in a file only.
    strange = any(set(name) & set(",/.\\") or name != name.strip() for name in genes)
    if len(genes) > 1 and len(plain) <= _INLINE and not strange:
        return _option("--genes", plain)
    files[GENES] = "".join(f"{name}\n" for name in genes)
    return ["--genes", GENES]


def _option(name: str, value: str) -> list[str]:
    # A value that begins with a dash would be taken for an option.
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def request_of(fit: AnyFit, source: str | None = None) -> DataRequest | None:
    """The request that reads the counts of a fit again; None if the fit does not record enough.

    The genes are named one by one, since a fit does not record how they were chosen.

    Parameters
    ----------
    source
        Where the data lie now, by default where they were.
    """
    place = source or str(fit.data.get("source", ""))
    if not place or place == "memory" or "layer" not in fit.data:
        return None
    genes = tuple(str(name) for name in fit.genes[fit.is_gene])
    named = None if fit.reference is None else str(fit.genes[fit.reference])
    # Older fits do not record it; their genes were named by the index.
    called = str((fit.data.get("report") or {}).get("gene_names") or INDEX)
    known = None if named == OTHER else named
    saved = fit.data.get("request") or {}
    choices = {name: saved[name] for name in CHOICES if saved.get(name)}
    layer = str(fit.data["layer"])
    return DataRequest(place, layer, genes, known, gene_names=called, **choices)


def holdout_of(fit: AnyFit) -> float:
    """Share of the cells that was set aside, to as many digits as give their number."""
    aside = n_set_aside(fit)
    whole = aside + len(fit.cells)
    digits = (d for d in range(1, 17) if round(round(aside / whole, d) * whole) == aside)
    return round(aside / whole, next(digits)) if aside else 0.0
