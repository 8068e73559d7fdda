"""A subset of the cells of counts, to which a run is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ConfigError, DataError
from engine.files.atomic import atomic_write
from engine.files.own_files import read_arrays
from engine.jobs.job_status import JobStatus
from engine.jobs.store import RunStore

if TYPE_CHECKING:
    from engine.data import Counts

_FILE = "subset.npz"


@dataclass(frozen=True, eq=False)
class CellSubset:
    """Some of the cells of counts.

    Attributes
    ----------
    mask
        (C,) which of them.
    words
        Description of the subset.
    data_driven
        Whether they were found in these counts: drawn on a map of a fit, or a cluster. Differences
        between such groups are reported without errors.

    Raises
    ------
    ConfigError
        If there are none.
    """

    mask: np.ndarray
    words: str
    data_driven: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", np.asarray(self.mask, dtype=bool))
        if not self.mask.any():
            raise ConfigError("at least one cell to fit", f"none in {self.words}", "Select cells.")

    def to_dict(self) -> dict[str, Any]:
        """The entry in a run and its fit, ready for JSON."""
        return {
            "words": self.words,
            "data_driven": self.data_driven,
            "cells": int(self.mask.sum()),
            "of": len(self.mask),
        }

    def save(self, folder: Path) -> None:
        """Write the positions of the cells to the folder of a run. Raises OSError."""
        with atomic_write(folder / _FILE) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, positions=np.flatnonzero(self.mask))


def positions(store: RunStore, status: JobStatus, n_cells: int) -> np.ndarray | None:
    """Positions of the cells of a run among those of its counts; None if it has all.

    Raises
    ------
    DataError
        If they cannot be read, or the number of cells has changed.
    """
    if not status.subset:
        return None
    if n_cells != status.subset["of"]:
        raise DataError(
            f"the {status.subset['of']:,} cells of which some are fitted",
            f"{n_cells:,} cells",
            "Bring the earlier data back, or fit the cells anew.",
        )
    try:
        indices = read_arrays(store.path(status.id, _FILE))["positions"]
        sound = indices.dtype.kind == "i" and indices.shape == (status.subset["cells"],)
        if not sound or (np.diff(indices) <= 0).any() or indices[0] < 0 or indices[-1] >= n_cells:
            raise ValueError("positions that are none")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "a note of which cells are fitted, kept with the run", str(error)[:200], "Fit it again."
        ) from error
    return indices


def subset_of(store: RunStore, status: JobStatus, counts: Counts) -> Counts:
    """The cells that a run is fitted to, from the counts of its request; errors as `positions`."""
    indices = positions(store, status, counts.n_cells)
    return counts if indices is None else counts.take(indices)
