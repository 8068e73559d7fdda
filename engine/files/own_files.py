"""Reads files that lie beside a fit; refuses pipes, links and files that claim endless sizes."""

from __future__ import annotations

import json
import math
import os
import stat
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

# Largest JSON file: the longest log and trace take a hundredth of it.
MOST_TEXT = 2**26
# Limits of what arrays unpack to: names shrink most.
UNPACKED_PER_BYTE, UNPACKED_FREE = 100, 50_000_000


def open_own(path: Path) -> IO[bytes]:
    """Open a plain file.

    Raises
    ------
    OSError
        If there is none.
    ValueError
        If it is something else: a link, a pipe, a folder.
    """
    try:
        # To open a pipe without a writer would block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        if path.is_symlink():
            raise ValueError(f"{path.name} is a link to another place") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{path.name} is no file")
    return os.fdopen(descriptor, "rb")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises
    ------
    OSError
        If there is none.
    ValueError
        If it is no plain file, too large, no JSON, or has numbers that are not finite.
    """
    with open_own(path) as file:
        data = file.read(MOST_TEXT + 1) if _size(file) <= MOST_TEXT else b""
    if not data or len(data) > MOST_TEXT:
        raise ValueError(f"{path.name} is empty or larger than {MOST_TEXT:,} bytes")
    try:
        return json.loads(data.decode("utf-8"), parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError(f"{path.name} is nested too deep") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"a number that is not finite: {text[:40]}")
    return value


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in an .npz; no pickle is opened.

    Raises
    ------
    OSError
        If there is none.
    ValueError
        If it is no plain file, damaged, or claims more than it can hold.
    """
    with open_own(path) as file:
        try:
            _check_claims(file, UNPACKED_PER_BYTE * _size(file) + UNPACKED_FREE)
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        # A damaged archive raises anything.
        except Exception as error:
            raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from error


def on_disk(facts: os.stat_result) -> int:
    """Bytes that a file takes on the disk: fewer than its size if it has holes."""
    return min(facts.st_size, 512 * facts.st_blocks)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _check_claims(file: IO[bytes], most: int) -> None:
    """Refuse arrays that claim more than their member of the archive, or too much in all."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > most:
            raise ValueError("it unpacks to more than such a file holds")
        for member in members:
            with archive.open(member) as opened:
                version = np.lib.format.read_magic(opened)
                if version == (1, 0):
                    shape, _, kind = np.lib.format.read_array_header_1_0(opened)
                else:
                    shape, _, kind = np.lib.format.read_array_header_2_0(opened)
            claimed = kind.itemsize
            for length in shape:
                claimed *= length
            if not 0 <= claimed <= member.file_size:
                raise ValueError(f"{member.filename} claims {claimed:,} bytes")
