"""Counts: validated counts of cells x modelled genes, in memory or streamed from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.report import Report
from engine.data.rows import MatchedRows, MemoryRows, RowStore, row_blocks
from engine.errors import DataError
from engine.genes import OTHER, find_genes


@dataclass(frozen=True, eq=False, repr=False)
class Counts:
    """Counts and labels of a data set, as fits need them; made by `engine.read_counts`.

    Attributes
    ----------
    cells, genes
        Unique names, (C,) and (G,), genes in model order; the pooled rest, if any, is
        last and named ``_other``.
    reference
        Position in ``genes`` of the ALR reference.
    obs
        Labels of the cells, indexed by ``cells``.
    totals
        (C,) counts over the modelled features, all above zero.
    library_size
        (C,) counts over all genes of the data set (L_c of LNMVCP).
    report
        What was read, chosen and left out, and why.
    name, source, layer
        Short name; where the data came from (path, "demo" or "memory"); the layer read.
    fingerprint
        Hash of counts, names and choices, the same whether in memory or streamed.
    gene_ids
        (G,) ids of the genes, in the order of ``genes``; None if the names are all there is.
    """

    cells: pd.Index
    genes: pd.Index
    reference: int
    obs: pd.DataFrame
    totals: np.ndarray
    library_size: np.ndarray
    report: Report
    name: str
    source: str
    layer: str
    fingerprint: str
    _rows: RowStore
    gene_ids: pd.Index | None = None

    def __repr__(self) -> str:
        reference = self.genes[self.reference]
        return (
            f"<Counts {self.name!r}: {self.n_cells:,} cells x {self.n_genes:,} genes, "
            f"layer {self.layer!r}, reference {reference!r}>"
        )

    @property
    def n_cells(self) -> int:
        """Number of cells C."""
        return len(self.cells)

    @property
    def n_genes(self) -> int:
        """Number of modelled features G, the pooled one included."""
        return len(self.genes)

    def block(self, start: int, stop: int) -> np.ndarray:
        """Counts of cells ``start`` to ``stop``, dense float32 (stop - start, G).

        Raises
        ------
        DataError
            If the file that is streamed can no longer be read.
        """
        return self._rows.read(start, min(stop, self.n_cells)).toarray()

    def rows(self, start: int, stop: int) -> sparse.csr_matrix:
        """The same as float32 CSR; do not change it, it may be a view."""
        return self._rows.read(start, min(stop, self.n_cells))

    def matrix(self) -> sparse.csr_matrix | None:
        """The (C, G) float32 matrix if it is held in memory; None when streamed from disk."""
        return self._rows.matrix if isinstance(self._rows, MemoryRows) else None

    def take(self, cells: np.ndarray) -> Counts:
        """Some of the cells, held in memory, with the same genes and reference.

        Parameters
        ----------
        cells
            Distinct positions in the order wanted, or a boolean mask.
        """
        positions = np.arange(self.n_cells)[cells]
        matrix = self._read(positions)
        return replace(
            self,
            cells=self.cells[positions],
            obs=self.obs.iloc[positions],
            totals=self.totals[positions],
            library_size=self.library_size[positions],
            fingerprint=fingerprint_of_cells(self.fingerprint, positions),
            _rows=MemoryRows(matrix),
        )

    def matched(self, genes: pd.Index, gene_ids: pd.Index | None = None) -> Counts:
        """The same cells over other features, by id or else by name, in the order given.

        All other genes are pooled into ``_other`` if it is among ``genes``, else left out; a
        cell may be left without counts. Genes that were left out of these counts because no
        cell expresses them have zero counts. The last feature is the reference.

        Raises
        ------
        DataError
            If a requested gene is missing.
        """
        if genes.equals(self.genes):
            return self
        columns = find_genes(genes, self.genes, self.gene_ids, wanted_ids=gene_ids, once=True)
        left = np.setdiff1d(np.arange(self.n_genes), columns)
        dropped, ids = self.report.dropped_genes, self.report.dropped_ids
        dropped_index = pd.Index(ids) if ids else None
        silent = find_genes(genes, pd.Index(dropped), dropped_index, wanted_ids=gene_ids) >= 0
        missing = genes[(columns < 0) & ~silent & ~((genes == OTHER) & (len(left) > 0))]
        if len(missing):
            raise DataError(
                f"counts of the {len(genes):,} features of the fit",
                f"{len(missing):,} missing ({', '.join(map(str, missing[:5]))})",
                'Use data that hold them, read with genes="all".',
            )
        pooled = np.flatnonzero(genes == OTHER)
        rows = MatchedRows(self._rows, columns, left, int(pooled[0]) if len(pooled) else None)
        blocks = row_blocks(self.n_cells, self.n_genes)
        totals = [rows.read(*block).sum(axis=1, dtype=np.float64) for block in blocks]
        store: RowStore = rows
        if isinstance(self._rows, MemoryRows):
            store = MemoryRows(rows.read(0, self.n_cells))
        return replace(
            self,
            genes=genes,
            gene_ids=gene_ids,
            reference=len(genes) - 1,
            totals=np.concatenate([np.asarray(part).ravel() for part in totals]),
            _rows=store,
        )

    def provenance(self) -> dict[str, Any]:
        """Where the counts came from, ready for JSON."""
        return {
            "name": self.name,
            "source": self.source,
            "layer": self.layer,
            "fingerprint": self.fingerprint,
            "report": self.report.to_dict(),
        }

    def _read(self, positions: np.ndarray) -> sparse.csr_matrix:
        if isinstance(self._rows, MemoryRows):
            return self._rows.matrix[positions]
        # Disks read fastest in order: read the file once, then reorder the rows.
        order = np.argsort(positions, kind="stable")
        sorted_positions = positions[order]
        parts = [sparse.csr_matrix((0, self.n_genes), dtype=np.float32)]
        for start, stop in row_blocks(self.n_cells, self.n_genes):
            low, high = np.searchsorted(sorted_positions, (start, stop))
            if low < high:
                rows = self._rows.read(start, stop)
                parts.append(rows[sorted_positions[low:high] - start])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return sparse.csr_matrix(sparse.vstack(parts, format="csr")[back])

    @classmethod
    def from_arrays(
        cls,
        matrix: np.ndarray | sparse.csr_matrix | sparse.csc_matrix,
        genes: Iterable[str],
        cells: Iterable[str],
        *,
        reference: int | str = -1,
        obs: pd.DataFrame | None = None,
        library_size: Sequence[float] | np.ndarray | None = None,
        name: str = "counts",
    ) -> Counts:
        """Counts from arrays that are known to be valid: nothing is checked or left out.

        Parameters
        ----------
        matrix
            (C, G) counts.
        reference
            Position or name of the ALR reference; the last gene by default.
        library_size
            (C,) counts over all genes; the row sums by default.
        """
        rows = sparse.csr_matrix(matrix, dtype=np.float32, copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        gene_index = pd.Index(list(genes), dtype=str)
        cell_index = pd.Index(list(cells), dtype=str)
        position = list(gene_index).index(reference) if isinstance(reference, str) else reference
        position %= len(gene_index)
        totals = np.asarray(rows.sum(axis=1, dtype=np.float64)).ravel()
        digest = ContentHash()
        digest.update(rows)
        size = totals if library_size is None else np.asarray(library_size, dtype=np.float64)
        return cls(
            cells=cell_index,
            genes=gene_index,
            reference=position,
            obs=pd.DataFrame(index=cell_index) if obs is None else obs.set_axis(cell_index),
            totals=totals,
            library_size=size,
            report=Report(*rows.shape),
            name=name,
            source="memory",
            layer="X",
            fingerprint=digest.with_choices(gene_index, cell_index, [position]),
            _rows=MemoryRows(rows),
        )


def fingerprint_of_cells(fingerprint: str, positions: np.ndarray) -> str:
    """The fingerprint of `Counts.take` of these positions, from that of the whole counts."""
    digest = hashlib.blake2b(fingerprint.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(positions, dtype="<i8").tobytes())
    return digest.hexdigest()


class ContentHash:
    """Hash of a CSR matrix fed in row blocks; how it was cut does not matter."""

    def __init__(self) -> None:
        self._parts = [hashlib.blake2b(digest_size=16) for _ in range(3)]

    def update(self, rows: sparse.csr_matrix) -> None:
        """Add rows in canonical form, without stored zeros."""
        lengths = np.diff(rows.indptr).astype("<i8")
        arrays = (lengths, rows.indices.astype("<i8"), rows.data.astype("<f8"))
        for part, array in zip(self._parts, arrays, strict=True):
            part.update(np.ascontiguousarray(array))

    def with_choices(self, genes: pd.Index, cells: pd.Index, choices: Iterable[object]) -> str:
        """Hex digest of the content together with names and choices."""
        whole = hashlib.blake2b(digest_size=16)
        for part in self._parts:
            whole.update(part.digest())
        for names in (genes, cells, choices):
            for name in names:
                whole.update(f"{name}\0".encode("utf-8", "surrogatepass"))
            whole.update(b"\1")
        return whole.hexdigest()
