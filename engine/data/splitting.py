"""split_counts: two independent halves of every count."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from scipy import sparse

from engine.data.counts import Counts
from engine.data.rows import MemoryRows
from engine.errors import ConfigError, DataError
from engine.validation import whole


def split_counts(counts: Counts, share: float = 0.5, seed: int = 0) -> tuple[Counts, Counts]:
    """Split every count by a binomial draw: find groups in one part, test them in the other.

    Of Poisson counts the parts are independent given their means (count splitting: Neufeld, Gao,
    Popp, Battle & Witten 2022, Biostatistics). A group that was found in the first part (drawn on
    a map of a fit to it, or clustered) can be compared by `engine.differences` in the second. The
    parts still share what is true of the cell beyond its counting noise: a test says "more than
    counting noise in these cells", no more.

    Parameters
    ----------
    share
        Share of each count that goes to the first part, on average; above 0, below 1.
    seed
        Seed of the draws, which depend on a cell's name too, but not on the other cells.

    Returns
    -------
    The two parts, of the same cells and genes.

    Raises
    ------
    ConfigError
        If the share or the seed is out of range.
    DataError
        If a cell would be left without counts in a part.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise ConfigError("a share above 0 and below 1", repr(share), "Take 0.5.")
    whole("seed", seed, 0, 2**32 - 1)
    held = counts if counts.matrix() is not None else counts.take(np.arange(counts.n_cells))
    matrix = held.matrix()
    assert matrix is not None
    drawn = np.empty_like(matrix.data)
    for name, start, stop in zip(held.cells, matrix.indptr, matrix.indptr[1:], strict=False):
        digest = hashlib.blake2b(str(name).encode(), digest_size=8).digest()
        rng = np.random.Generator(np.random.SFC64([seed, int.from_bytes(digest)]))
        drawn[start:stop] = rng.binomial(matrix.data[start:stop].astype(np.int64), share)
    first = _part(held, matrix, drawn, share, seed)
    second = _part(held, matrix, matrix.data - drawn, 1 - share, seed)
    empty = int(((first.totals == 0) | (second.totals == 0)).sum())
    if empty:
        raise DataError(
            "counts in both parts of every cell",
            f"{empty:,} cells without in one",
            "Leave out cells of few counts: counts.take(counts.totals > 20).",
        )
    return first, second


def fingerprint_of_part(fingerprint: str, share: float, seed: int) -> str:
    """Fingerprint of the first part, from that of the counts; of the second with ``1 - share``."""
    digest = hashlib.blake2b(f"{fingerprint} {seed} {_words(share)}".encode(), digest_size=16)
    return digest.hexdigest()


def _words(share: float) -> str:
    return f"{share:g} of counts"


def _part(
    counts: Counts, matrix: sparse.csr_matrix, values: np.ndarray, share: float, seed: int
) -> Counts:
    part = sparse.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape, copy=True)
    part.eliminate_zeros()
    totals = np.asarray(part.sum(axis=1, dtype=np.float64)).ravel()
    scaled = counts.library_size * totals / np.maximum(counts.totals, 1)
    return replace(
        counts,
        totals=totals,
        library_size=np.maximum(np.rint(scaled), totals),
        fingerprint=fingerprint_of_part(counts.fingerprint, share, seed),
        name=f"{counts.name}, {_words(share)}",
        _rows=MemoryRows(part),
    )
