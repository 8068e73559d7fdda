"""Matrices in text (.mtx): their header, and their orientation."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path

from engine.data.choices import COLUMNS, ROWS, ChoiceNeeded, Choices, Notes, Offer, how_to, pick
from engine.data.reader_errors import shorten
from engine.data.size_limits import MAX_CELLS
from engine.errors import DataError

# What a gzip stream can expand to at most, and the shortest line of a matrix.mtx ("1 1 1\n").
GZIP_RATIO = 1032
SHORTEST_LINE = 6
LONGEST_LINE = 10_000
# Layouts that are cells x genes by the name of the file.
CELLS_FIRST = re.compile(r"cells_x_genes|(^|[._-])(dge|count_matrix)\.mtx", re.IGNORECASE)


def header(path: Path) -> tuple[int, int, int]:
    """Rows, columns and entries that a matrix announces, if the file can hold them."""
    compressed = path.suffix.lower() == ".gz"
    with gzip.open(path, "rt") if compressed else path.open() as lines:
        first = lines.readline(LONGEST_LINE)
        line = first
        while line.startswith("%") or (line and not line.strip()):
            line = lines.readline(LONGEST_LINE)
    kind = first.lower().split()
    if kind[:3] != ["%%matrixmarket", "matrix", "coordinate"] or kind[4:] != ["general"]:
        raise ValueError(f"not a general matrix of coordinates: {shorten(first.strip())}")
    rows, columns, entries = (int(number) for number in line.split())
    if entries * SHORTEST_LINE > path.stat().st_size * (GZIP_RATIO if compressed else 1):
        raise ValueError(f"{entries:,} entries announced, more than the file can hold")
    if max(rows, columns) > MAX_CELLS:
        raise ValueError(f"{rows:,} x {columns:,} announced, more than any experiment has")
    return rows, columns, entries


def find_orientation(
    matrix: Path, shape: tuple[int, int], named: tuple[int, int], choices: Choices
) -> tuple[bool, Notes]:
    """Whether a matrix is cells x genes, by the lengths of its files of names."""
    n_cells, n_genes = named
    ways = {ROWS: (n_cells, n_genes), COLUMNS: (n_genes, n_cells)}
    fitting = [way for way, expected in ways.items() if expected == shape]
    offer = Offer("cells_in", (ROWS, COLUMNS), choices.cells_in or "")
    if not fitting:
        raise DataError(
            f"a matrix of {n_genes:,} features and {n_cells:,} cells, as the files of names say",
            f"{shape[0]:,} x {shape[1]:,} in {shorten(matrix.name)}",
            "Put the three files of one sample together; one of these is of another, or cut.",
        )
    if choices.cells_in is not None:
        way = pick("cells_in", choices.cells_in, (ROWS, COLUMNS))
        if way not in fitting:
            raise ChoiceNeeded(
                f"cells in {fitting[0]}, as the lengths of the files of names say",
                f"the choice of {way}",
                "Leave the choice out.",
                Offer("cells_in", (ROWS, COLUMNS), way),
            )
        return way == ROWS, Notes((f"Cells are in {way}, as asked.",), (), (offer,))
    by_name = CELLS_FIRST.search(matrix.name) is not None
    if len(fitting) == 2 and not by_name:
        raise ChoiceNeeded(
            "a matrix whose shape tells genes from cells",
            f"as many cells as features ({n_cells:,}) in {shorten(matrix.name)}",
            f"Cell Ranger has cells in columns: choose that by {how_to('cells_in', COLUMNS)}; if "
            f"each row is a cell, {ROWS}.",
            offer,
        )
    if len(fitting) == 2:
        text = f"Cells are in rows, as {shorten(matrix.name)} is named."
        return True, Notes((text,), (), (replace(offer, chosen=ROWS),))
    if fitting == [ROWS]:
        text = (
            f"{shorten(matrix.name)} is cells × genes ({shape[0]:,} × {shape[1]:,}), by the "
            "lengths of the files of names."
        )
        return True, Notes(reasons=(text,))
    return False, Notes()
