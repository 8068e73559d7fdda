"""Counts of a run that is fitted to one half of each count, and tested on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from engine.errors import DataError
from engine.files.atomic import atomic_write
from engine.files.elements import check_compressed
from engine.files.own_files import read_arrays
from engine.jobs.job_status import JobStatus
from engine.jobs.store import RunStore

if TYPE_CHECKING:
    from engine.data import Counts

# Share of each count that is fitted.
SHARE = 0.5
_FILE = "other_half.npz"
_ARRAYS = ("data", "indices", "indptr", "shape")


def halved(status: JobStatus, counts: Counts) -> Counts:
    """The counts that a run is fitted to: one half of each if the run is split, else all."""
    return _halves(status, counts)[0] if status.split else counts


def set_half_aside(store: RunStore, status: JobStatus, counts: Counts) -> Counts:
    """The half that is fitted; the other is saved in the folder of the run."""
    if not status.split:
        return counts
    first, other = _halves(status, counts)
    matrix = other.matrix()
    assert matrix is not None
    arrays = {name: np.asarray(getattr(matrix, name)) for name in _ARRAYS}
    with atomic_write(store.path(status.id, _FILE)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return first


def other_half(store: RunStore, id: str) -> sparse.csr_matrix:
    """The (C, G) half that a run is not fitted to.

    Raises
    ------
    DataError
        If there is none that can be read.
    """
    try:
        arrays = read_arrays(store.path(id, _FILE))
        data, indices, indptr, shape = (arrays[name] for name in _ARRAYS)
        cells, genes = map(int, shape)
        check_compressed((data, indices, indptr), (cells, genes))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "the other half of the counts, kept with the run", str(error)[:200], "Fit it again."
        ) from error
    return sparse.csr_matrix((data, indices, indptr), shape=(cells, genes))


def fitted_fingerprint(status: JobStatus, fingerprint: str) -> str:
    """Fingerprint of the counts that are fitted, from that of all counts."""
    from engine.data.splitting import fingerprint_of_part

    if not status.split:
        return fingerprint
    return fingerprint_of_part(fingerprint, SHARE, int(status.config["seed"]))


def _halves(status: JobStatus, counts: Counts) -> tuple[Counts, Counts]:
    from engine.data import split_counts

    return split_counts(counts, SHARE, int(status.config["seed"]))
