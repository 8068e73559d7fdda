"""Open a source of counts: an AnnData, or a file or folder of a known layout."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import anndata as ad
import h5py
import zarr

from engine.data import foreign, loom, modalities, tenx, texts, triplets
from engine.data.choices import ChoiceNeeded, Choices, Notes
from engine.data.demo import DEMO, demo_adata
from engine.data.features import narrow
from engine.data.parts import with_sums
from engine.data.probe import probe
from engine.data.reader_errors import reading, shorten
from engine.data.size_limits import MAX_CELLS
from engine.data.tables import (
    FORMATS,
    Source,
    Table,
    folder_bytes,
    from_anndata,
    from_elements,
)
from engine.errors import DataError
from engine.files.elements import LABELS, check_elements


def open_table(source: Source, choices: Choices | None = None) -> Table:
    """Open a source without reading its matrices, as far as its format allows that.

    Raises
    ------
    DataError
        If there is nothing at the path, or nothing that holds counts.
    ChoiceNeeded
        If there are several things to read and nothing says which.
    """
    choices = choices or Choices()
    table = _open(source, choices)
    try:
        with reading(shorten(table.name)):
            return with_sums(narrow(table, choices))
    except BaseException:
        table.close()
        raise


def _open(source: Source, choices: Choices) -> Table:
    if isinstance(source, ad.AnnData):
        return _refuse_choices(from_anndata(source, "AnnData", "memory"), choices)
    if isinstance(source, str) and source == DEMO:
        return _refuse_choices(from_anndata(demo_adata(), "PBMC 68k (demo)", DEMO), choices)
    if not isinstance(source, str | os.PathLike) or not str(source).strip():
        raise DataError(
            f"a path, an AnnData or {DEMO!r}", shorten(repr(source)), f"Pass {FORMATS}."
        )
    path = Path(os.fsdecode(source)).expanduser()
    with reading(shorten(path.name or path)):
        if path.is_dir():
            return _open_folder(path, choices)
        if path.exists():
            return _open_file(path, choices)
    raise DataError(
        f"a file or folder at {shorten(path, 200)}",
        "nothing there",
        "Check the spelling; a relative path starts where the program was started.",
    )


def _open_folder(path: Path, choices: Choices) -> Table:
    if (path / "zarr.json").exists() or (path / ".zgroup").exists():
        # Checked before anything is opened: to open a pipe in place of a file would block.
        folder_bytes(path)
        return _refuse_choices(
            from_elements(zarr.open_group(path, mode="r"), path, lambda: None), choices
        )
    if triplets.matrices(path):
        return _to_table(*triplets.read_folder(path, choices), path)
    foreign.refuse_folder(path)
    raise DataError(
        FORMATS,
        f"a folder that is neither ({shorten(path.name)})",
        "Choose the folder that holds matrix.mtx, or a folder written by adata.write_zarr.",
    )


def _open_file(path: Path, choices: Choices) -> Table:
    if not path.is_file():
        raise DataError(
            FORMATS,
            f"neither a file nor a folder ({shorten(path.name)})",
            "Choose a file that lies on a disk.",
        )
    if triplets.is_matrix(path):
        return _to_table(*triplets.read_named(path, choices), path)
    if path.stat().st_size == 0:
        raise DataError(FORMATS, f"an empty file ({path.name})", "Copy or download it again.")
    if not h5py.is_hdf5(path):
        foreign.refuse_file(path)
        if texts.is_text(path):
            return _to_table(*texts.read(path, choices), path)
        raise DataError(
            FORMATS,
            f"a file of another kind ({shorten(path.name)})",
            "Read it with scanpy and save it with adata.write_h5ad('counts.h5ad').",
        )
    return _refuse_choices(_open_hdf5(path, choices), choices)


def _open_hdf5(path: Path, choices: Choices) -> Table:
    probe(path)
    file = h5py.File(path, "r", locking="best-effort")
    try:
        if str(file.attrs.get("encoding-type")) == "anndata":
            return from_elements(file, path, file.close)
        names = set(file)
        check_elements(file, names, LABELS, path.stat().st_size)
        foreign.refuse_hdf5(file, path)
        if "mod" in names:
            return modalities.read(file, path, choices)
        if loom.is_loom(file):
            return loom.read(file, path)
        if tenx.is_tenx(file):
            adata, notes = tenx.read(file, path, choices)
            file.close()
            return _to_table(adata, notes, path.stem, path)
        if {"obs", "var"} <= names and names & {"X", "layers", "raw", "raw.X"}:
            file.close()
            # Written before AnnData files carried their type: only anndata knows how to read it.
            return from_anndata(ad.read_h5ad(path), path.stem, str(path))
    except BaseException:
        file.close()
        raise
    file.close()
    raise DataError(
        FORMATS,
        f"an HDF5 file of another kind ({shorten(path.name)})",
        "Read it with scanpy and save it with adata.write_h5ad('counts.h5ad').",
    )


def _to_table(adata: ad.AnnData, notes: Notes, name: str, path: Path) -> Table:
    if adata.n_obs > MAX_CELLS:
        raise DataError(f"at most {MAX_CELLS:,} cells", f"{adata.n_obs:,}", "Read a part of them.")
    table = from_anndata(adata, name or path.name, str(path))
    return replace(table, notes=table.notes + notes)


def _refuse_choices(table: Table, choices: Choices) -> Table:
    """The table; an error if a sample or an orientation was chosen, which it does not offer."""
    for name in ("sample", "cells_in"):
        if getattr(choices, name) is not None:
            table.close()
            raise ChoiceNeeded(
                f"no choice of {name.replace('_', ' ')} for {shorten(table.name)}",
                shorten(repr(getattr(choices, name))),
                "Leave it out: this file holds one sample and tells which way it lies.",
            )
    return table
