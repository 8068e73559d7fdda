"""Which files a person may open, and where uploads go."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import DataError
from engine.files.own_files import on_disk

TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".txt", ".txt.gz")
SUFFIXES = (".h5ad", ".h5", ".loom", ".h5mu", *TABLES)
# The kinds that are named where space is short; compressed tables and .txt are accepted too.
SHOWN = (".h5ad", ".h5", ".loom", ".h5mu", ".csv", ".tsv")
# Without .txt: in a folder of data it may well hold notes.
OFFERED = tuple(end for end in (*SUFFIXES, ".zarr") if ".txt" not in end)
MOST_OFFERED = 200
# Folders of LOGRATIO_HOME whose contents belong to people.
PARTS = ("runs", "sweeps", "uploads", "viewers", "counts")
STALE_SECONDS = 86400.0
SPARE_BYTES = 500 * 10**6
# Shared by all pages: an upload reserves its space before the next one checks for space.
_BEGINS = threading.Lock()


@dataclass(frozen=True)
class UploadedFile:
    """An upload: its name, path, size in bytes, and its time in seconds since the epoch."""

    name: str
    path: str
    size: int
    when: float


@dataclass(frozen=True)
class Folders:
    """Folders of one server.

    Attributes
    ----------
    uploads
        Folder of the uploaded files.
    data
        Folder that paths are restricted to, and relative ones begin at; None allows all.
    most_bytes
        Largest file that can be uploaded.
    closed
        Folder of other people's files: only the uploads in it may be opened.
    common
        Folder inside ``closed`` whose files, but not folders, everybody may open.
    room
        Called with the size of an upload before it begins; raises if there is no room for it.
    record
        Called with each action (opened, uploaded, deleted) and its path.
    """

    uploads: Path
    data: Path | None = None
    most_bytes: int = 4 * 10**9
    closed: Path | None = None
    common: Path | None = None
    room: Callable[[int], None] = lambda size: None
    record: Callable[[str, str], None] = lambda did, what: None

    def find(self, typed: str) -> str:
        """Resolve a typed path, and check that the person may open it.

        Raises
        ------
        DataError
            If it is not a path, outside the data folder, or inside the closed one.
        """
        try:
            path = Path(typed).expanduser()
            if self.data is None and self.closed is None:
                return str(path)
            root = self.data.resolve() if self.data is not None else Path("/")
            resolved = ((root if self.data is not None else Path.cwd()) / path).resolve()
            uploads = self.uploads.resolve()
            mine = resolved.is_relative_to(uploads) or self._is_common(resolved)
            others = any(map(resolved.is_relative_to, self._closed()))
        except (OSError, ValueError, RuntimeError) as error:
            raise DataError("a path", f"{typed[:200]!r}: {error}", "Correct the path.") from error
        if others and not mine:
            raise DataError(
                "a file that does not belong to others",
                # The name alone: a run may be shared, but not the paths where its owner keeps
                # files, nor the target of a link.
                path.name[:200],
                "Choose another: runs and uploads are opened by their owners, on the page.",
            )
        if not mine and not resolved.is_relative_to(root):
            raise DataError(
                f"a path inside {self.data}",
                typed[:200],
                "Choose a file of that folder; this server opens no other (LOGRATIO_DATA).",
            )
        return str(resolved)

    def _closed(self) -> list[Path]:
        """The closed folder and its parts, links resolved: some may lie on a larger disk."""
        if self.closed is None:
            return []
        return [(self.closed / part).resolve() for part in ("", *PARTS)]

    def _is_common(self, path: Path) -> bool:
        """Whether a file has no owner, because it was uploaded before people logged in."""
        common = self.common
        return common is not None and path.parent == common.resolve() and path.is_file()

    def offered(self) -> list[str]:
        """Names of the data files directly under the data folder."""
        if self.data is None:
            return []
        try:
            names = [path.name for path in self.data.iterdir() if path.name.endswith(OFFERED)]
        except OSError:
            return []
        return sorted(name for name in names if not name.startswith("."))[:MOST_OFFERED]

    def uploaded(self) -> list[UploadedFile]:
        """All finished uploads, the newest first."""
        uploads = []
        with suppress(OSError):
            for path in self.uploads.iterdir():
                with suppress(OSError):
                    facts = path.stat()
                    if path.is_file() and not path.name.startswith(".") and facts.st_size:
                        uploads.append(
                            UploadedFile(path.name, str(path), facts.st_size, facts.st_mtime)
                        )
        return sorted(uploads, key=lambda upload: upload.when, reverse=True)

    def remove(self, name: str) -> None:
        """Delete an upload.

        Raises
        ------
        DataError
            If there is none of this name, or it cannot be deleted.
        """
        if name not in {upload.name for upload in self.uploaded()}:
            raise DataError("an upload that is here", repr(name[:80]), "Reload the page.")
        try:
            (self.uploads / name).unlink()
        except OSError as error:
            raise DataError(
                "a folder of uploads that can be written",
                str(error.strerror),
                "Check the permissions of LOGRATIO_HOME.",
            ) from error
        self.record("deleted", str(self.uploads / name))

    def begin(self, name: str, size: int) -> Upload:
        """Reserve space for an upload, and return it.

        Raises
        ------
        DataError
            If it is of another kind, empty, too large, or cannot be written.
        """
        suffix = max((end for end in SUFFIXES if name.lower().endswith(end)), key=len, default="")
        if not suffix:
            raise DataError(
                f"a file of the kind {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
                repr(name[-80:]),
                "Save the counts as .h5ad; for a .zarr or matrix.mtx folder type its path.",
            )
        if not 0 < size <= self.most_bytes:
            raise DataError(
                f"a file of at most {size_words(self.most_bytes)}",
                f"{size_words(size)} in {name[-80:]!r}",
                "Copy larger files to the server and type their path.",
            )
        stem = re.sub(r"[^\w.-]+", "_", Path(name[: -len(suffix)]).name).strip("._")[:50]
        with _BEGINS:
            try:
                self._sweep()
                self.room(size)
                part = self._make(size)
                return Upload(part, part.open("r+b"), stem or "upload", suffix, size)
            except OSError as error:
                raise _cannot_write(error) from error

    def _sweep(self) -> None:
        """Remove unfinished uploads that were abandoned long ago."""
        for left in self.uploads.glob(".*.part"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink(missing_ok=True)

    def _make(self, size: int) -> Path:
        """Make a sparse file of the full size, so that the next upload counts its space."""
        self.uploads.mkdir(parents=True, exist_ok=True)
        # Uploads that have begun take up their disk space only as the content arrives.
        begun = [part.stat() for part in self.uploads.glob(".*.part")]
        promised = sum(facts.st_size - on_disk(facts) for facts in begun)
        free = max(shutil.disk_usage(self.uploads).free - promised, 0)
        if free < size + SPARE_BYTES:
            raise DataError(
                f"{size_words(size + SPARE_BYTES)} free on the server's disk",
                size_words(free),
                "Delete old runs, or copy the file elsewhere on the server.",
            )
        part = self.uploads / f".{uuid.uuid4().hex}.part"
        try:
            part.touch()
            os.truncate(part, size)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return part


class Upload:
    """A file that arrives in parts."""

    def __init__(self, part: Path, file: BinaryIO, stem: str, suffix: str, size: int) -> None:
        self.stem, self.suffix, self.size, self.done = stem, suffix, size, 0
        self._part, self._file = part, file

    def add(self, content: bytes) -> bool:
        """Write the next part; return whether it was the last.

        Raises
        ------
        DataError
            If more comes than was announced, or it cannot be written.
        """
        if not content or self.done + len(content) > self.size:
            raise DataError(
                f"{self.size:,} bytes", f"{self.done + len(content):,}", "Upload the file again."
            )
        try:
            self._file.write(content)
        except OSError as error:
            raise _cannot_write(error) from error
        self.done += len(content)
        return self.done == self.size

    def finish(self) -> Path:
        """Close the file and give it a name that no other has.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        try:
            # This writes the rest from memory to the disk, which may be full.
            self._file.close()
        except OSError as error:
            raise _cannot_write(error) from error
        number = 1
        while True:
            more = "" if number == 1 else f"-{number}"
            path = self._part.with_name(f"{self.stem}{more}{self.suffix}")
            try:
                # Reserves the name, or fails if it is taken; renaming would replace that file.
                path.touch(exist_ok=False)
                self._part.replace(path)
            except FileExistsError:
                number += 1
                continue
            except OSError as error:
                raise _cannot_write(error) from error
            return path

    def drop(self) -> None:
        """Cancel the upload and remove its file."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def size_words(size: int) -> str:
    """Format a number of bytes with its unit."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} bytes"


def _cannot_write(error: OSError) -> DataError:
    return DataError(
        "room for the upload on the server",
        str(error.strerror),
        "Free some space, or check the permissions of LOGRATIO_HOME.",
    )
