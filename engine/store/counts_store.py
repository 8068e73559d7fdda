"""CountsStore: keeps counts that were read, and finds them by their source and request."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import engine.data
import engine.files
import engine.genes
import engine.store
from engine.data import Counts, DataRequest, SourceInfo
from engine.data.reader_errors import shorten
from engine.data.reading_progress import Listener
from engine.errors import DataError, NoRoom
from engine.store import layout, sources
from engine.store.process import ReaderProcess
from engine.store.worker import OUTCOME

MOST_BYTES = 20 * 10**9
# Libraries whose other versions may read the same file differently.
_READ_BY = ("anndata", "h5py", "numpy", "pandas", "scanpy", "scipy", "zarr")
NEW, DELETED = ".new-", ".deleted-"
_COUNTS_FOLDERS = 32 * "[0-9a-f]"
DAY = 86400.0
_SILENT: Listener = lambda _words, _share: None  # noqa: E731


class CountsStore:
    """A folder of stored counts, used by any number of servers, and the process that fills it.

    Counts are read again when the size or time of the source, the request or the code that reads
    has changed. The least recently used ones are removed when all of them take too much space.

    Parameters
    ----------
    folder
        Made when it is first needed; where it cannot be written, a temporary one takes its place.
    most_bytes
        Limit of the size of all of them.
    process
        The process that reads; a new one by default.
    """

    def __init__(
        self, folder: Path, most_bytes: int = MOST_BYTES, process: ReaderProcess | None = None
    ) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._process = process or ReaderProcess()
        self._aside: Path | None = None

    def start(self) -> None:
        """Start the reading process in advance."""
        self._process.start()

    def close(self) -> None:
        """End the reading process."""
        self._process.close()

    def load(self, request: Mapping[str, Any]) -> Counts:
        """The counts of a request, given as a run saves it; errors as in `read`."""
        return self.read(DataRequest.from_dict(request))[0]

    def read(
        self, request: DataRequest, on_progress: Listener = _SILENT
    ) -> tuple[Counts, SourceInfo]:
        """Counts and the description of their source, from the store or read now and stored.

        Parameters
        ----------
        on_progress
            Called with the current step and the share that is done; an error of it ends the
            reading.

        Raises
        ------
        EngineError
            As `engine.read_counts`, or if the source crashes the reader or changes meanwhile.
        """
        before = sources.state(request.source)
        name = _name(request, before)
        for place in (self.folder, self._aside):
            if place is not None:
                with suppress(DataError, OSError):
                    return layout.read(place / name)
        new = self._new()
        try:
            try:
                self._process.read(request, new, on_progress)
            except NoRoom:
                # Older counts are removed to make room.
                if not self._evict(every=True):
                    raise
                shutil.rmtree(new, ignore_errors=True)
                new = self._new()
                self._process.read(request, new, on_progress)
            (new / OUTCOME).unlink(missing_ok=True)
            if sources.state(request.source) != before:
                raise DataError(
                    "a source that stays as it is while it is read",
                    f"{shorten(Path(request.source).name)} changed",
                    "Open it again once it is complete.",
                )
            stored = _place(new, new.with_name(name))
        finally:
            shutil.rmtree(new, ignore_errors=True)
        self._evict()
        return stored

    def clean(self, now: float | None = None) -> None:
        """Remove unfinished counts older than a day, and stored counts beyond the limit of size."""
        moment = time.time() if now is None else now
        for left in self.folder.glob(f"{NEW}*"):
            with suppress(OSError):
                if moment - left.stat().st_mtime > DAY:
                    shutil.rmtree(left, ignore_errors=True)
        for left in self.folder.glob(f"{DELETED}*"):
            shutil.rmtree(left, ignore_errors=True)
        self._evict()

    def _new(self) -> Path:
        """An empty folder to read into."""
        name = f"{NEW}{uuid.uuid4().hex}"
        with suppress(OSError):
            (self.folder / name).mkdir(parents=True)
            return self.folder / name
        if self._aside is None:
            self._aside = Path(tempfile.mkdtemp(prefix="logratio-counts-"))
            atexit.register(shutil.rmtree, self._aside, ignore_errors=True)
        (self._aside / name).mkdir()
        return self._aside / name

    def _evict(self, *, every: bool = False) -> bool:
        """Remove the least recently used counts that nobody reads, until the rest fits.

        The most recently used one stays unless ``every``. Returns whether any were removed.
        """
        entries, gone = [], False
        homes = [home for home in (self.folder, self._aside) if home is not None]
        for folder in (folder for home in homes for folder in home.glob(_COUNTS_FOLDERS)):
            try:
                entries.append((layout.used(folder), layout.size(folder), folder))
            except (OSError, DataError):
                # Damaged: nobody can read it, and its size is unknown.
                gone |= _remove(folder)
        left = sum(size for _, size, _ in entries)
        for _, size, folder in sorted(entries)[: None if every else -1]:
            if left <= self.most_bytes and not every:
                break
            if _remove(folder):
                left, gone = left - size, True
        return gone


def _place(new: Path, target: Path) -> tuple[Counts, SourceInfo]:
    """Give stored counts their name, and open them."""
    try:
        new.rename(target)
    except OSError:
        # Another server has just stored them, or those that were there are damaged.
        with suppress(DataError):
            return layout.read(target)
        if not _remove(target):
            # The damaged ones are still in use.
            target = target.with_name(uuid.uuid4().hex)
        with suppress(OSError):
            new.rename(target)
    return layout.read(target)


def _remove(folder: Path) -> bool:
    """Remove stored counts unless somebody reads them; returns whether they are gone."""
    hidden = folder.with_name(f"{DELETED}{uuid.uuid4().hex}")
    with suppress(OSError), layout.alone(folder):
        folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
    return not folder.exists()


def _name(request: DataRequest, state: tuple[Any, ...] | None) -> str:
    """Folder name of the counts of a request, by the state of its source; random without one."""
    if state is None:
        return uuid.uuid4().hex
    facts = [request.to_dict(), state, _code()]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


@functools.cache
def _code() -> str:
    """Digest of the code that reads: counts read by other code are not reused."""
    used = " ".join(f"{name} {version(name)}" for name in _READ_BY)
    digest = hashlib.blake2b(used.encode(), digest_size=16)
    for package in (engine.data, engine.store, engine.files):
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            digest.update(path.read_bytes())
    digest.update(Path(engine.genes.__file__).read_bytes())
    return digest.hexdigest()
