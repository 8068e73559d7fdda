"""Layers that are parts of the counts: spliced and unspliced, and related ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.reader_errors import shorten
from engine.data.tables import Layer, Table
from engine.data.views import Summed, some_rows
from engine.errors import DataError

# The first two make up the counts; the others hold reads that could be of either.
PARTS = (
    ("spliced", "unspliced", "ambiguous", "spanning"),
    ("mature", "nascent", "ambiguous"),
    ("exonic", "intronic"),
    ("exon", "intron"),
)
PLUS = " + "


def parts_in(table: Table) -> list[str]:
    """Names of the layers that are parts of counts, in the order of a sum."""
    called = {name.casefold(): name for name in table.layers}
    for parts in PARTS:
        if any(part in called for part in parts[:2]):
            return [called[part] for part in parts if part in called]
    return []


def with_sums(table: Table) -> Table:
    """The table with the sum of the parts of the counts, where it has two or more."""
    parts = parts_in(table)
    shapes = {table.layers[name].matrix.shape for name in parts}
    if len(parts) < 2 or len(shapes) > 1:
        return table
    name = PLUS.join(parts)
    return replace(table, layers=table.layers | {name: summed(table, parts)})


def summed(table: Table, names: list[str]) -> Layer:
    """The sum of some layers.

    Raises
    ------
    DataError
        If they are not of one shape.
    """
    layers = [table.layers[name] for name in names]
    if len({layer.matrix.shape for layer in layers}) > 1:
        raise DataError("layers of one shape to sum", PLUS.join(names), "Choose another layer.")
    matrix = Summed.of(PLUS.join(names), [layer.matrix for layer in layers])
    return replace(layers[0], matrix=matrix)


def is_part(table: Table, name: str) -> str | None:
    """The part of the counts that a layer holds under another name; None if it holds none.

    X of scVelo and of files read from loom is the spliced part alone.
    """
    for part in parts_in(table):
        if name != part and same_counts(table.layers[name], table.layers[part]):
            return part
    return None


def same_counts(one: Layer, other: Layer) -> bool:
    """Whether two layers hold the same counts in some of the cells and all shared genes."""
    if one.matrix.shape[0] != other.matrix.shape[0]:
        return False
    rows = [sample for layer in (one, other) if (sample := some_rows(layer.matrix)) is not None]
    if len(rows) < 2 or rows[0].shape[0] != rows[1].shape[0]:
        return False
    genes = [pd.Index([_text(gene) for gene in layer.genes]) for layer in (one, other)]
    if genes[0].equals(genes[1]):
        return _equal(rows[0], rows[1])
    if not (genes[0].is_unique and genes[1].is_unique):
        return False
    both = genes[0].intersection(genes[1])
    if len(both) == 0:
        return False
    return _equal(*(rows[i][:, genes[i].get_indexer(both)] for i in (0, 1)))


def _equal(one: sparse.csr_matrix, other: sparse.csr_matrix) -> bool:
    return abs(one.astype(np.float64) - other.astype(np.float64)).nnz == 0


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def words(names: list[str]) -> str:
    """Names of parts, for a sentence."""
    return ", ".join(shorten(name) for name in names)
