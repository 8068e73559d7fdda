"""The files of names beside a matrix.mtx: features or genes, barcodes or tables of cells."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.choices import Notes
from engine.data.gene_names import MOSTLY, like_ids
from engine.data.reader_errors import shorten
from engine.data.tables import GENOMES, TYPES
from engine.errors import DataError
from engine.files.elements import BYTES_PER_BYTE

# A million barcodes, however well they are packed.
TEXT_FREE = 20_000_000
HEADS = frozenset(
    (
        "gene_id", "gene_ids", "gene_name", "gene_names", "gene", "genes", "gene_symbol", "symbol",
        "feature", "features", "feature_id", "feature_name", "id", "name", "ensembl_id", "genome",
        "barcode", "barcodes", "bc_wells", "cell", "cells", "cell_id", "cell_ids", "cellid", "x",
        "v1", "index", "sample", "species", "",
    )
)  # fmt: skip
NAME_HEADS = ("gene_name", "gene_symbol", "symbol", "feature_name", "name", "gene", "genes")
ID_HEADS = ("gene_id", "feature_id", "ensembl_id", "id")


def text_of(path: Path) -> str:
    """The text of a file of names, unpacked; DataError if it unpacks beyond all names."""
    limit = BYTES_PER_BYTE * path.stat().st_size + TEXT_FREE
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as lines:
        content = lines.read(limit + 1)
    if len(content) > limit:
        raise DataError(
            "names in proportion to the size of the file",
            f"more than {limit / 1e6:,.0f} MB of them in {shorten(path.name)}",
            "The file is damaged or was made to fill memory; do not use it.",
        )
    return content.decode("utf-8-sig", "replace")


def rows_of(path: Path) -> list[list[str]]:
    """Rows of fields as written: "NA" is text, and quotes have a meaning in a .csv only."""
    text = text_of(path)
    if ".csv" in path.name.lower():
        csv.field_size_limit(10**6)
        return [row for row in csv.reader(io.StringIO(text)) if row]
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line.rstrip("\r").split("\t") for line in lines]


def features(path: Path, length: int | None, symbols: Path | None = None) -> pd.DataFrame:
    """Names of features (index), with ids, types and genomes where the file has them.

    Parameters
    ----------
    length
        Number of features, to tell a first line of headings from a name; None if unknown.
    symbols
        A file of names beside one of ids.
    """
    rows = rows_of(path)
    head = _head(rows, length)
    if head:
        columns = {name: place for place, name in enumerate(map(str.casefold, rows.pop(0)))}
        names = next((columns[name] for name in NAME_HEADS if name in columns), None)
        ids = next((columns[name] for name in ID_HEADS if name in columns), None)
        if names is None:
            names = ids if ids is not None else min(1, len(columns) - 1)
        types, genomes = columns.get("feature_type"), columns.get("genome")
    else:
        wide = max(map(len, rows), default=0)
        names, ids = (1, 0) if wide > 1 else (0, None)
        if ids is not None and _ids_second(rows):
            names, ids = ids, names
        types, genomes = (2 if wide > 2 else None), None
    var = pd.DataFrame(index=pd.Index([_field(row, names, ids) for row in rows], dtype=object))
    for column, place in (("gene_ids", ids), (TYPES, types), (GENOMES, genomes)):
        if place is not None:
            var[column] = [_field(row, place) for row in rows]
    if symbols is not None:
        called = [_field(row, 0) for row in rows_of(symbols)]
        if len(called) == len(var):
            var["gene_ids"] = list(var.index)
            pairs = zip(called, var.index, strict=True)
            var.index = pd.Index([name or own for name, own in pairs], dtype=object)
    return var


def cells(path: Path, length: int | None) -> tuple[pd.DataFrame, Notes]:
    """Names of cells (index), and their labels if the file is a table of them."""
    rows = rows_of(path)
    head = _head(rows, length)
    heads = rows.pop(0) if head else []
    obs = pd.DataFrame(index=pd.Index([row[0] for row in rows], dtype=object))
    for place, name in enumerate(heads[1:], 1):
        values = pd.Series([_field(row, place) for row in rows], index=obs.index, dtype=object)
        numbers = pd.to_numeric(values, errors="coerce")
        obs[name or f"column {place}"] = values if numbers.isna().any() else numbers
    sentence = f"Cells and {len(heads) - 1} labels are those of {shorten(path.name)}."
    return obs, Notes(reasons=(sentence,)) if len(heads) > 1 else Notes()


def _head(rows: list[list[str]], length: int | None) -> bool:
    """Whether the first line holds headings: one line too many, or known words in a table."""
    if not rows:
        return False
    if length is not None and len(rows) in (length, length + 1):
        return len(rows) == length + 1
    known = [field.strip().casefold() in HEADS for field in rows[0]]
    return len(rows[0]) > 1 and known[0] and sum(known) > 1


def _ids_second(rows: list[list[str]]) -> bool:
    """Whether symbols come before ids, as only people write them."""
    first, second = (like_ids(np.array([_field(row, i) for row in rows])) for i in (0, 1))
    return first < MOSTLY <= second


def _field(row: list[str], place: int, instead: int | None = None) -> str:
    text = row[place] if place < len(row) else ""
    return text if text or instead is None else _field(row, instead)
