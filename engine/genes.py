"""Finds genes by id or by name, and names the pooled feature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import pandas as pd

# The feature that the genes left out are pooled into.
OTHER = "_other"

# An Ensembl id with the version of its release.
_VERSIONED = r"^(ENS[A-Z]*\d{6,})\.\d+$"


class Genes(Protocol):
    """An object with genes: counts, a fit, an outline."""

    @property
    def genes(self) -> pd.Index:
        """Names."""

    @property
    def gene_ids(self) -> pd.Index | None:
        """Ids in the same order, if there are any beside the names."""


def find_genes(
    wanted: Iterable[str],
    names: pd.Index,
    ids: pd.Index | None = None,
    *,
    wanted_ids: pd.Index | None = None,
    once: bool = False,
) -> np.ndarray:
    """Positions of the wanted genes: by id first, then by name; -1 for a missing one.

    ``wanted`` may hold ids or names. Versions of Ensembl ids are ignored for genes that do not
    match as written.

    Parameters
    ----------
    wanted, wanted_ids
        Genes to find, and their ids if they are known.
    names, ids
        Genes to search.
    once
        Whether to match each gene at most once: for two lists of distinct genes.

    Returns
    -------
    Positions in ``names``.
    """
    queries = pd.Index(list(wanted), dtype=object)
    keys = [queries] if wanted_ids is None else [pd.Index(wanted_ids, dtype=object), queries]
    here = [names] if ids is None else [ids, names]
    positions = np.full(len(queries), -1)
    for strip in (False, True):
        for key in keys:
            for known in here:
                left = np.flatnonzero(positions < 0)
                if not len(left):
                    return positions
                place = _lookup(key[left], known, strip=strip)
                if once:
                    place[np.isin(place, positions[positions >= 0])] = -1
                    place[pd.Index(place).duplicated()] = -1
                positions[left] = place
    return positions


def same_genes(one: Genes, two: Genes) -> bool:
    """Whether two hold the same genes in the same order, by their ids or their names."""
    if len(one.genes) != len(two.genes):
        return False
    if one.genes.equals(two.genes):
        return True
    at = find_genes(one.genes, two.genes, two.gene_ids, wanted_ids=one.gene_ids, once=True)
    return bool(np.array_equal(at, np.arange(len(at))))


def _lookup(wanted: pd.Index, known: pd.Index, *, strip: bool) -> np.ndarray:
    if strip:
        wanted, known = _unversioned(wanted), _unversioned(known)
    first = np.flatnonzero(~known.duplicated())
    at = pd.Index(known[first], dtype=object).get_indexer(wanted)
    return np.where(at >= 0, np.append(first, -1)[at], -1)


def _unversioned(names: pd.Index) -> pd.Index:
    return pd.Index(names.astype(str).str.replace(_VERSIONED, r"\1", regex=True), dtype=object)
