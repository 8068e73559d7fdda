"""Outline of a saved fit, without its large arrays."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from engine.fitting.checked import check_arrays, check_names
from engine.registry import FAMILIES, MODELS
from engine.results.reading import opened


@dataclass(frozen=True, eq=False)
class Outline:
    """The cells and genes of a fit, and its values for each cell.

    Attributes
    ----------
    fingerprint
        Of the counts; empty if the fit does not say.
    cells, genes
        Names, (C,) and (G,).
    total_counts
        (C,) counts over the modelled features.
    log_marginal
        (C,) log p(counts of the cell | its total), nats; None for topics, which have none.
    is_bound
        Whether that is only a lower bound, as an encoder without refinement gives.
    gene_ids
        (G,) ids of the genes, if the fit has any beside the names.
    """

    fingerprint: str
    cells: pd.Index
    genes: pd.Index
    total_counts: np.ndarray
    log_marginal: np.ndarray | None
    is_bound: bool
    gene_ids: pd.Index | None = None

    def sharing(self, other: Outline) -> Outline:
        """The same outline; names that are equal are shared with the other to save memory."""
        cells = other.cells if self.cells.equals(other.cells) else self.cells
        genes = other.genes if self.genes.equals(other.genes) else self.genes
        return replace(self, cells=cells, genes=genes)


def outline(path: str | os.PathLike[str]) -> Outline:
    """Read the outline of a saved fit, which is far quicker than the fit itself.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    with opened(path) as file:
        obs, var, meta = file["obs"], file["var"], file["uns/logratio"]
        config = json.loads(str(ad.io.read_elem(meta["config"])))
        data = json.loads(str(ad.io.read_elem(meta["data"])))
        family = MODELS.get(str(ad.io.read_elem(meta["model"])), FAMILIES[0])
        cells, genes = _names(obs), _names(var)
        check_names(cells, genes)
        arrays = {"total_counts": np.asarray(ad.io.read_elem(obs["total_counts"]))}
        if family.has_log_marginal:
            arrays["log_marginal"] = np.asarray(ad.io.read_elem(obs["log_marginal"]))
        check_arrays(arrays, dict.fromkeys(arrays, (len(cells),)), {"total_counts": 0.0})
        return Outline(
            fingerprint=str(data.get("fingerprint", "")),
            cells=cells,
            genes=genes,
            total_counts=arrays["total_counts"],
            log_marginal=arrays.get("log_marginal"),
            is_bound=config.get("inference") == "vae" and not config.get("refine", True),
            gene_ids=_texts(var["gene_ids"]) if "gene_ids" in var else None,
        )


def fingerprint(path: str | os.PathLike[str]) -> str:
    """Fingerprint of the counts that a saved fit was made of; empty if it does not say.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    with opened(path) as file:
        data = json.loads(str(ad.io.read_elem(file["uns/logratio/data"])))
        return str(data.get("fingerprint", ""))


def _names(table: h5py.Group) -> pd.Index:
    return _texts(table[str(table.attrs["_index"])])


def _texts(column: h5py.Group | h5py.Dataset) -> pd.Index:
    return pd.Index(np.asarray(ad.io.read_elem(column)))
