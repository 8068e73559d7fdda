"""Reads an HDF5 file in a separate process before it is opened in this one.

A few damaged bytes can send the HDF5 library into an endless loop or a crash, which no
exception handler catches and which would take the server with it. This file is both the
parent's side and the script that the child runs; the script needs h5py alone.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import h5py

SECONDS = 30.0
LABELS = ("obs", "var", "raw/var", "row_attrs", "col_attrs")
WHOLE = ("obs", "var", "X", "layers", "raw", "mod")
# Tables that claim more are not read here; the reader refuses them by their claimed size.
MOST_BYTES = 2**30
_NEEDED = ContextVar("needed", default=True)


@contextmanager
def not_needed() -> Iterator[None]:
    """Skip the probe, in a process that only reads a file and may crash."""
    token = _NEEDED.set(False)
    try:
        yield
    finally:
        _NEEDED.reset(token)


def probe(path: Path, seconds: float | None = None) -> None:
    """Raise ValueError if the file cannot be walked through in time, or at all."""
    if not _NEEDED.get():
        return
    state = path.stat()
    problem = _problem(str(path.resolve()), state.st_mtime_ns, state.st_size, seconds or SECONDS)
    if problem:
        raise ValueError(problem)


@functools.lru_cache(maxsize=256)
def _problem(path: str, modified: int, size: int, seconds: float) -> str:
    command = [sys.executable, "-I", __file__, path]
    try:
        child = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"still being opened after {seconds:g} s"
    if child.returncode == 0:
        return ""
    lines = child.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines and child.returncode > 0 else "it crashes the HDF5 library"


def walk(path: str) -> None:
    """Touch everything that reading the file will touch."""
    with h5py.File(path, "r", locking="best-effort") as file:
        dict(file.attrs)
        for name in [part for part in WHOLE if part in file] or list(file):
            _touch(name, file[name])
            if isinstance(file[name], h5py.Group):
                file[name].visititems(_touch)
        roots = [file, *(file["mod"].values() if "mod" in file else ())]
        labels = [root[name] for root in roots for name in LABELS if name in root]
        tables = [table for table in labels if isinstance(table, h5py.Group)]
        claims: list[int] = []
        for table in tables:
            table.visititems(lambda _name, item: claims.append(getattr(item, "nbytes", 0)))
        if sum(claims) < MOST_BYTES:
            for table in tables:
                table.visititems(_read)


def _touch(name: str, item: h5py.Group | h5py.Dataset) -> None:
    dict(item.attrs)
    if isinstance(item, h5py.Dataset) and item.size and item.shape and item.dtype.itemsize < 2**20:
        item[(0,) * item.ndim]
        item[tuple(length - 1 for length in item.shape)]


def _read(name: str, item: h5py.Group | h5py.Dataset) -> None:
    if isinstance(item, h5py.Dataset) and item.size:
        item[()]


if __name__ == "__main__":
    try:
        walk(sys.argv[1])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
