"""Folders with a matrix.mtx and two files of names: Cell Ranger, STARsolo, kallisto, Parse, GEO."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import scipy.io
from scipy import sparse

from engine.data import namefiles
from engine.data.choices import ChoiceNeeded, Choices, Notes, Offer, how_to, listed, pick
from engine.data.coordinates import find_orientation, header
from engine.data.parts import PARTS
from engine.data.reader_errors import shorten
from engine.data.tenx import check_memory
from engine.errors import DataError

DEEPEST = 3
MOST_FOLDERS = 1_000
MATRIX = re.compile(r"\.mtx(\.gz)?$", re.IGNORECASE)
# Stems that name the matrix, not the sample.
STEMS = re.compile(r"(^|(?<=[._-]))(count_matrix|counts?|matrix|dge)$", re.IGNORECASE)
SIDE = re.compile(
    r"^(?P<prefix>.*?)[._-]?(?P<role>features|all_genes|genes|barcodes|cell_metadata|cells)"
    r"(?P<symbols>\.names)?\.(tsv|txt|csv)(\.gz)?$",
    re.IGNORECASE,
)
# Sums of the parts that kallisto writes beside them.
SUMS = ("total", "cell", "nucleus")
FEATURES = ("features", "all_genes", "genes")


@dataclass(frozen=True)
class Triplet:
    """A matrix of a folder; ``sample`` is its name, '' if it is the only one."""

    matrix: Path
    sample: str


def is_matrix(path: Path) -> bool:
    """Whether a file is named like a matrix in text."""
    return MATRIX.search(path.name) is not None


def matrices(folder: Path) -> list[Triplet]:
    """The matrices of a folder, or of its subfolders if it has none itself."""
    own = [path for path in _inside(folder) if is_matrix(path) and path.is_file()]
    if own:
        return _name_samples(own)
    triplets, n_folders = [], 0
    level = [folder]
    for _ in range(DEEPEST):
        below = [p for f in level for p in _inside(f) if not p.is_symlink() and p.is_dir()]
        n_folders += len(below)
        if n_folders > MOST_FOLDERS:
            break
        for inside in below:
            files = [path for path in _inside(inside) if is_matrix(path) and path.is_file()]
            name = inside.relative_to(folder).as_posix()
            for triplet in _name_samples(files) if files else ():
                triplets.append(
                    Triplet(triplet.matrix, "/".join(filter(None, (name, triplet.sample))))
                )
        level = below
    return triplets


def _inside(folder: Path) -> list[Path]:
    """Files in a folder; none if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def read_named(path: Path, choices: Choices) -> tuple[ad.AnnData, Notes, str]:
    """The named matrix, whatever else its folder holds."""
    if choices.sample is not None:
        raise ChoiceNeeded(
            f"no choice of a sample beside the file {shorten(path.name)}",
            shorten(repr(choices.sample)),
            "Name the folder to choose among its samples, or leave the sample out.",
        )
    every = _name_samples(sorted(p for p in path.parent.iterdir() if is_matrix(p)))
    own = next((t for t in every if t.matrix.name == path.name), Triplet(path, ""))
    if own.sample and _is_part(path):
        text = f"{shorten(path.name)} is a part of the counts alone: its folder sums the parts."
        adata, notes = _read(own, choices)
        return adata, notes + Notes(warnings=(text,)), own.sample
    return *_read(own, choices), own.sample or path.parent.name


def read_folder(path: Path, choices: Choices) -> tuple[ad.AnnData, Notes, str]:
    """The matrix of a folder, or of the chosen sample.

    Raises
    ------
    ChoiceNeeded
        If the folder holds several and nothing says which.
    """
    triplets = matrices(path)
    if (parts := _parts_of(triplets)) and choices.sample is None:
        return *_read_parts(parts, choices), path.name
    options = tuple(triplet.sample or path.name for triplet in triplets)
    others = [variant for triplet in triplets for variant in _variants(triplet)]
    every = (*options, *(variant.sample for variant in others))
    if choices.sample is not None:
        name = pick("sample", choices.sample, every)
        selected = [*triplets, *others][every.index(name)]
        notes = Notes(
            (f"Read {shorten(name)} of {shorten(path.name)}, as asked.",),
            (),
            (Offer("sample", every, name),),
        )
        adata, more = _read(selected, choices)
        return adata, notes + more, name.rsplit("/", 1)[-1]
    if len(triplets) > 1:
        raise ChoiceNeeded(
            "one sample",
            f"{len(triplets)} in the folder {shorten(path.name)}: {listed(options)}",
            f"Choose one by {how_to('sample', options[0])}, or name its matrix.mtx itself.",
            Offer("sample", options),
        )
    adata, notes = _read(triplets[0], choices)
    if triplets[0].matrix.parent != path:
        notes += Notes(reasons=(f"Read {shorten(triplets[0].sample)}, the only matrix below.",))
    if others:
        text = (
            f"Read {shorten(triplets[0].matrix.name)}, the reads of one gene alone; read one that "
            f"shares out the others by {how_to('sample', others[0].sample)}."
        )
        notes += Notes(reasons=(text,), offers=(Offer("sample", every, options[0]),))
    return adata, notes, path.name


def _name_samples(files: list[Path]) -> list[Triplet]:
    """The matrices of one folder, each with a distinct name; matrix.mtx instead of its variants."""
    plain = [path for path in files if MATRIX.sub("", path.name).lower() == "matrix"]
    # STARsolo writes UniqueAndMult-EM.mtx and others beside it.
    files = plain if len(plain) == 1 and len(files) > 1 and _starsolo(files) else files
    if len(files) == 1:
        return [Triplet(files[0], "")]
    return [Triplet(p, prefix_of(p) or MATRIX.sub("", p.name)) for p in files]


def _starsolo(files: list[Path]) -> bool:
    others = [p.name for p in files if MATRIX.sub("", p.name).lower() != "matrix"]
    return all(name.startswith("UniqueAndMult") for name in others)


def _variants(triplet: Triplet) -> list[Triplet]:
    """The variants of a matrix.mtx that STARsolo wrote beside it."""
    files = [path for path in _inside(triplet.matrix.parent) if is_matrix(path) and path.is_file()]
    if len(files) < 2 or [other.matrix for other in _name_samples(files)] != [triplet.matrix]:
        return []
    names = [(path, MATRIX.sub("", path.name)) for path in files if path != triplet.matrix]
    return [Triplet(p, "/".join(filter(None, (triplet.sample, name)))) for p, name in names]


def prefix_of(matrix: Path) -> str:
    """The common prefix of a matrix and its files of names."""
    stem = MATRIX.sub("", matrix.name)
    return STEMS.sub("", stem).rstrip("._-")


def _part(name: str, known: Iterable[str]) -> tuple[str, str] | None:
    """The start of the name of a matrix, and the part at its end; None if it ends in no part."""
    ends = (part for part in known if re.search(rf"(^|[._/-]){part}$", name.casefold()))
    return next(((name[: len(name) - len(part)].casefold(), part) for part in ends), None)


def _is_part(path: Path) -> bool:
    return any(_part(MATRIX.sub("", path.name), parts) for parts in PARTS)


def _parts_of(triplets: list[Triplet]) -> dict[str, Triplet]:
    """Spliced, unspliced and ambiguous counts of the same cells, if a folder holds nothing else."""
    for parts in PARTS:
        ends = [_part(triplet.sample, (*parts, *SUMS)) for triplet in triplets]
        whole = [end for end in ends if end is not None]
        if len(whole) < len(triplets) or len({start for start, _ in whole}) > 1:
            continue
        named = {part: t for (_, part), t in zip(whole, triplets, strict=True) if part in parts}
        # Without the first two they are not all of the counts.
        if set(parts[:2]) <= set(named):
            return named
    return {}


def _read_parts(parts: dict[str, Triplet], choices: Choices) -> tuple[ad.AnnData, Notes]:
    triplets = list(parts.values())
    whole, notes = _read(triplets[0], choices)
    layers: dict[str, Any] = {next(iter(parts)): whole.X}
    for name, triplet in list(parts.items())[1:]:
        part, _ = _read(triplet, choices)
        if not part.var_names.equals(whole.var_names):
            raise DataError(
                f"the same genes in all of {listed(t.matrix.name for t in triplets)}",
                f"others in {shorten(triplet.matrix.name)}",
                f"Choose one by {how_to('sample', triplets[0].sample)}.",
            )
        if not part.obs_names.equals(whole.obs_names):
            raise ChoiceNeeded(
                f"the same cells in all of {listed(t.matrix.name for t in triplets)}",
                f"others in {shorten(triplet.matrix.name)}",
                f"Choose one by {how_to('sample', triplets[0].sample)}, or join the parts first.",
                Offer("sample", tuple(t.sample for t in triplets)),
            )
        layers[name] = part.X
    del whole.X
    for name, values in layers.items():
        whole.layers[name] = values
    return whole, notes


def _read(triplet: Triplet, choices: Choices) -> tuple[ad.AnnData, Notes]:
    matrix = triplet.matrix
    sides = _sides(matrix)
    for path in (matrix, *sides.values()):
        if path.is_symlink() and not path.resolve().is_relative_to(matrix.parent.resolve()):
            raise DataError(
                "a folder that holds all its data itself",
                f"{shorten(path.name)} pointing elsewhere",
                "Copy the folder with the files that its links lead to.",
            )
    rows, columns, entries = header(matrix)
    check_memory(entries, matrix)
    var = namefiles.features(sides["features"], None, sides.get("symbols"))
    obs, notes = namefiles.cells(sides["cells"], None)
    lengths = (rows, columns)
    # A first line too many in either file is a line of headings.
    if lengths not in ((len(obs), len(var)), (len(var), len(obs))):
        for cells_first in (False, True):
            n_cells, n_genes = lengths if cells_first else lengths[::-1]
            again = namefiles.features(sides["features"], n_genes, sides.get("symbols"))
            own, more = namefiles.cells(sides["cells"], n_cells)
            if (len(own), len(again)) == (n_cells, n_genes):
                var, obs, notes = again, own, more
                break
    turned, more = find_orientation(matrix, lengths, (len(obs), len(var)), choices)
    values = scipy.io.mmread(matrix, spmatrix=False)
    counts = sparse.csr_matrix(values if turned else values.T)
    return ad.AnnData(counts, obs=obs, var=var), notes + more


def _sides(matrix: Path) -> dict[str, Path]:
    """The files of features and cells of a matrix, and of symbols beside ids."""
    prefix, alone = prefix_of(matrix), len([p for p in matrix.parent.iterdir() if is_matrix(p)]) < 2
    ranked: dict[str, tuple[int, Path]] = {}
    for path in sorted(matrix.parent.iterdir()):
        if (match := SIDE.match(path.name)) is None or not path.is_file():
            continue
        role = "features" if match["role"].lower() in FEATURES else "cells"
        role = "symbols" if match["symbols"] else role
        own = match["prefix"].rstrip("._-")
        shared = not own or (prefix.startswith(own) and prefix[len(own) :][:1] in "._-")
        exact = 2 if own == prefix else 1 if shared or alone else 0
        # Version 3 of Cell Ranger wrote features where 2 had genes.
        rank = 2 * exact + (match["role"].lower() in ("features", "all_genes", "barcodes"))
        if exact and rank > ranked.get(role, (0, path))[0]:
            ranked[role] = rank, path
    start = f"{prefix}_" if prefix else ""
    end = f".tsv{'.gz' if matrix.suffix.lower() == '.gz' else ''}"
    needed = {
        "features": f"{start}features{end} or {start}genes{end}",
        "cells": f"{start}barcodes{end}",
    }
    missing = [words for role, words in needed.items() if role not in ranked]
    if missing:
        raise DataError(
            f"{' and '.join(needed.values())} beside {shorten(matrix.name)}",
            f"no {' and no '.join(missing)}",
            "Put the three files of one sample into one folder, their names with the same start.",
        )
    return {role: path for role, (_, path) in ranked.items()}
