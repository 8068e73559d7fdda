"""Report: what was read, what was chosen and why, what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NAMES_LISTED = 200


@dataclass(frozen=True)
class Report:
    """An account of how counts were read, for the page, the shell and the saved fit.

    Attributes
    ----------
    cells_found, genes_found
        Size of the chosen layer before anything was left out.
    layer_reason, names_reason, genes_reason, reference_reason
        Why this layer, these names of genes, these genes, this reference; full sentences.
    gene_names
        Where the names of the genes are from: a column of var, or "index".
    dropped_cells
        Names of cells without any counts.
    dropped_genes, dropped_ids
        Names of genes never expressed, and their ids if they have any beside.
    n_pooled
        Number of genes summed into the pooled feature.
    streamed
        True when row blocks are read from disk on demand.
    warnings
        Everything that was mended or looks odd, full sentences.
    source_reason
        Which part of the source was read, and why, if there was a choice.
    """

    cells_found: int
    genes_found: int
    layer_reason: str = ""
    genes_reason: str = ""
    reference_reason: str = ""
    dropped_cells: tuple[str, ...] = ()
    dropped_genes: tuple[str, ...] = ()
    n_pooled: int = 0
    streamed: bool = False
    warnings: tuple[str, ...] = ()
    source_reason: str = ""
    names_reason: str = ""
    gene_names: str = ""
    dropped_ids: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; at most 200 names of each kind dropped."""
        return {
            "cells_found": self.cells_found,
            "genes_found": self.genes_found,
            "source_reason": self.source_reason,
            "layer_reason": self.layer_reason,
            "names_reason": self.names_reason,
            "gene_names": self.gene_names,
            "genes_reason": self.genes_reason,
            "reference_reason": self.reference_reason,
            "n_dropped_cells": len(self.dropped_cells),
            "dropped_cells": list(self.dropped_cells[:NAMES_LISTED]),
            "n_dropped_genes": len(self.dropped_genes),
            "dropped_genes": list(self.dropped_genes[:NAMES_LISTED]),
            "n_pooled": self.n_pooled,
            "streamed": self.streamed,
            "warnings": list(self.warnings),
        }

    def lines(self) -> list[str]:
        """The report as sentences, warnings last. Plain text: escape it before showing HTML."""
        sentences = [
            f"Found {self.cells_found:,} cells and {self.genes_found:,} genes.",
            self.source_reason,
            self.layer_reason,
            self.names_reason,
            self.genes_reason,
            self.reference_reason,
            _dropped(self.dropped_cells, "cell", "without counts"),
            _dropped(self.dropped_genes, "gene", "never expressed"),
            "Row blocks are read from disk, not held in memory." if self.streamed else "",
        ]
        return [line for line in sentences if line] + [f"Warning: {text}" for text in self.warnings]


def _dropped(names: tuple[str, ...], kind: str, why: str) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    plural = "" if len(names) == 1 else "s"
    return f"Left out {len(names):,} {kind}{plural} {why} ({shown})."
