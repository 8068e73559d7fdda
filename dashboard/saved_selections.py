"""Selections of cells, saved with their run; the id of a selection is a hash of it."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np

from engine.files.atomic import atomic_write
from engine.files.own_files import read_arrays

FOLDER = "selections"
MOST = 50


def name(mask: np.ndarray) -> str:
    """Id of a (C,) mask: 16 hexadecimal digits, the same for the same cells."""
    digest = blake2b(np.packbits(mask).tobytes(), digest_size=8)
    digest.update(str(len(mask)).encode())
    return digest.hexdigest()


def write(run: Path, mask: np.ndarray) -> None:
    """Save a selection in the folder of its run, and delete the oldest beyond `MOST`.

    Raises
    ------
    OSError
        If it cannot be written, for example because the run is deleted.
    """
    folder = run / FOLDER
    # Without parents: a run that was just deleted must not come back.
    folder.mkdir(exist_ok=True)
    path = folder / f"{name(mask)}.npz"
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, bits=np.packbits(mask), cells=len(mask))
    files = sorted(folder.glob("*.npz"), key=_modified_at, reverse=True)
    for old in files[MOST:]:
        old.unlink(missing_ok=True)


def read(run: Path, key: str) -> np.ndarray | None:
    """The (C,) mask with an id; None if it is not there or damaged."""
    try:
        stored = read_arrays(run / FOLDER / f"{key}.npz")
        bits, cells = stored["bits"], int(stored["cells"])
        if not 0 <= cells <= 8 * len(bits):
            return None
        mask = np.unpackbits(bits, count=cells).astype(bool)
    # A damaged file may raise any error.
    except Exception:
        return None
    return mask if name(mask) == key else None


def _modified_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
