"""One pass over a layer: check every value, add up what choosing genes and cells needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.choices import how_to
from engine.data.counts import ContentHash
from engine.data.looks import CORRECTED, WHOLE_TOLERANCE, fractions
from engine.data.matrices import Matrix
from engine.data.reader_errors import shorten
from engine.data.reading_progress import report_progress
from engine.data.rows import row_blocks
from engine.errors import DataError

SAMPLE_CELLS = 10_000
MAX_COUNT = 2.0**31


@dataclass(frozen=True, eq=False)
class Scan:
    """Sums over a validated layer.

    Attributes
    ----------
    totals
        (C,) counts per cell over all genes.
    gene_sums, gene_cells
        (G,) counts of each gene, and number of cells that show it.
    sample
        Every n-th cell, at most 10,000, as float32 CSR over all genes.
    content
        Hash of all counts.
    n_rounded, moved
        Number of fractional values that were rounded, and by how much in all.
    """

    totals: np.ndarray
    gene_sums: np.ndarray
    gene_cells: np.ndarray
    sample: sparse.csr_matrix
    content: ContentHash
    n_rounded: int = 0
    moved: float = 0.0


def scan(
    matrix: Matrix, cells: pd.Index, genes: pd.Index, remedy: str, *, rounding: bool = False
) -> Scan:
    """Check and summarise a layer block by block.

    Parameters
    ----------
    remedy
        What to advise if the layer holds no counts.
    rounding
        Whether fractions are rounded, not refused.

    Raises
    ------
    DataError
        If a value is NaN, infinite, negative, fractional or absurdly large, or all are zero.
    """
    n_cells, n_genes = matrix.shape
    totals = np.zeros(n_cells)
    gene_sums, gene_cells = np.zeros(n_genes), np.zeros(n_genes, dtype=np.int64)
    content = ContentHash()
    stride = -(-n_cells // SAMPLE_CELLS)
    sampled = []
    n_rounded, moved = 0, 0.0
    for start, stop in row_blocks(n_cells, n_genes):
        rows = matrix.read(start, stop)
        _check_values(rows, matrix.name, cells[start:stop], genes, remedy, rounding)
        rows = rows.astype(np.float64)
        before = rows.data.copy() if rounding else rows.data
        np.rint(rows.data, out=rows.data)
        if rounding:
            off = np.abs(rows.data - before)
            n_rounded, moved = n_rounded + int((off > WHOLE_TOLERANCE).sum()), moved + off.sum()
        rows.eliminate_zeros()
        content.update(rows)
        totals[start:stop] = rows.sum(axis=1).A1
        gene_sums += rows.sum(axis=0).A1
        gene_cells += np.bincount(rows.indices, minlength=n_genes)
        sampled.append(rows[(-start) % stride :: stride].astype(np.float32))
        report_progress("checking the counts", stop / n_cells)
    if not totals.any():
        raise DataError("counts above zero", f"only zeros in {matrix.name}", remedy)
    sample = sparse.csr_matrix(sparse.vstack(sampled, format="csr"))
    return Scan(totals, gene_sums, gene_cells, sample, content, n_rounded, float(moved))


def _check_values(
    rows: sparse.csr_matrix,
    layer: str,
    cells: pd.Index,
    genes: pd.Index,
    remedy: str,
    rounding: bool,
) -> None:
    values = rows.data
    if values.dtype.kind == "b" or (values.dtype.kind == "u" and values.dtype.itemsize < 4):
        return
    fractional = values.dtype.kind == "f" and not rounding
    with np.errstate(invalid="ignore"):
        problems = {
            "finite counts": ("NaN or infinite", ~np.isfinite(values)),
            "counts of zero or more": ("negative", values < 0),
            "whole numbers": (
                "fractional",
                np.abs(values - np.rint(values)) > WHOLE_TOLERANCE if fractional else False,
            ),
            f"counts below {MAX_COUNT:.0f}": ("absurdly large", values >= MAX_COUNT),
        }
    for expected, (description, wrong) in problems.items():
        where = np.flatnonzero(wrong)
        if len(where) == 0:
            continue
        first = int(where[0])
        cell = cells[int(np.searchsorted(rows.indptr, first, side="right")) - 1]
        gene = genes[int(rows.indices[first])]
        many = (
            f"{len(where):,} {description} values" if len(where) > 1 else f"a {description} value"
        )
        looks = ""
        if description == "fractional":
            kind = fractions(rows, values)
            looks = ", which looks normalised"
            if kind == CORRECTED:
                looks = ", which looks like corrected counts"
                remedy = f"Read the uncorrected matrix, or round these by {how_to('round')}."
        raise DataError(
            expected,
            f"{many} in {shorten(layer)}, the first {values[first]:g} "
            f"(cell {shorten(cell)}, gene {shorten(gene)})" + looks,
            remedy,
        )
