"""Names of genes and choices of cells -> positions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.genes import find_genes
from engine.results import AnyFit


def gene_positions(fit: AnyFit, genes: Iterable[str] | None) -> np.ndarray:
    """Positions of genes, by id or else by name, in their order; all real genes by default.

    Raises
    ------
    DataError
        If a name is not among the modelled genes.
    """
    if genes is None:
        return np.flatnonzero(fit.is_gene)
    names = list(genes)
    index = find_genes(names, fit.genes, fit.gene_ids)
    missing = [name for name, position in zip(names, index, strict=True) if position < 0]
    if missing:
        raise DataError(
            "genes of this fit",
            f"{len(missing)} unknown ({', '.join(map(str, missing[:5]))})",
            "Use names from fit.genes; genes that were pooled have no row of their own.",
        )
    return index


def named_as(other: AnyFit, fit: AnyFit) -> AnyFit:
    """``other`` with its genes named as in ``fit``: matched by their ids where it has any."""
    if other.genes.equals(fit.genes) or (fit.gene_ids is None and other.gene_ids is None):
        return other
    at = find_genes(other.genes, fit.genes, fit.gene_ids, wanted_ids=other.gene_ids, once=True)
    names = pd.Index(np.where(at >= 0, fit.genes[at], other.genes))
    # Another gene of the same symbol: its id is added.
    alien = (at < 0) & names.isin(fit.genes)
    beside = other.genes if other.gene_ids is None else other.gene_ids
    own = [f"{name} ({id_})" for name, id_ in zip(names, beside, strict=True)]
    return other.changed(genes=pd.Index(np.where(alien, own, names)))


# Columns and levels of our tables that hold genes, and names of the columns of their ids.
_ID_OF = {
    "gene": "id",
    "gene_1": "id_1",
    "gene_2": "id_2",
    "first": "first_id",
    "second": "second_id",
}


def with_ids(table: pd.DataFrame, fit: AnyFit | None) -> pd.DataFrame:
    """A table with a column of the id of each gene, if the fit has ids.

    A matrix of genes x genes stays square.

    Parameters
    ----------
    table
        Genes are in a column or a level of the index that is called "gene", "gene_1", "gene_2",
        "first" or "second", in a level "name", or in an index without a name.
    """
    if fit is None or fit.gene_ids is None or table.index.equals(table.columns):
        return table
    known = dict(zip(fit.genes, fit.gene_ids, strict=True))
    result, index = table.copy(), table.index
    front = 0
    for place, level in enumerate(index.names):
        values = index.get_level_values(place)
        ids = [known.get(value, "") for value in values]
        name = _ID_OF.get(str(level))
        if level == "name" and "kind" in index.names:
            kinds = index.get_level_values("kind")
            ids = ["" if kinds[j] != "gene" else one for j, one in enumerate(ids)]
            name = "id"
        elif level is None and index.nlevels == 1 and all(ids):
            name = "id"
        if name is not None and name not in result and any(ids):
            result.insert(front, name, ids)
            front += 1
    for column, name in _ID_OF.items():
        if column in table and name not in result:
            ids = [known.get(value, "") for value in table[column]]
            result.insert(list(result.columns).index(column) + 1, name, ids)
    return result


def cell_positions(fit: AnyFit, cells: np.ndarray | None) -> np.ndarray:
    """Positions of cells given as positions or as a (C,) mask; all cells by default.

    Raises
    ------
    DataError
        If a mask has another length than the fit has cells.
    """
    if cells is None:
        return np.arange(len(fit.cells))
    chosen = np.asarray(cells)
    return np.flatnonzero(as_mask(fit, chosen)) if chosen.dtype == bool else chosen


def as_mask(fit: AnyFit, selected: np.ndarray) -> np.ndarray:
    """Check a mask of cells, and return it.

    Raises
    ------
    DataError
        If it is not one truth value for each cell.
    """
    mask = np.asarray(selected)
    if mask.dtype != bool or mask.shape != (len(fit.cells),):
        raise DataError(
            f"a mask of {len(fit.cells):,} cells",
            f"{mask.dtype} values of shape {mask.shape}",
            "Give one truth value for each cell of the fit.",
        )
    return mask
