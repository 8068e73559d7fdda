"""Reads counts in background threads, as tasks with progress; keeps the last few results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from engine.data import Counts, DataRequest, Offer, SourceInfo, inspect_source
from engine.data.reader_errors import shorten
from engine.data.reading_progress import Listener, listening
from engine.errors import DataError
from engine.results import OTHER
from engine.store import sources

BLOCK = 2048
MOST_BLOCKS = 25
MOST_CACHED = 3
# Several, so that one that takes long does not block the others.
THREADS = 4


@dataclass(frozen=True)
class CountsSummary:
    """Summary of counts for the page.

    Attributes
    ----------
    library_size
        (C,) total counts over all genes.
    detected
        Modelled genes with a count, of all cells or of evenly spread blocks of them.
    filled
        Share of the entries of the modelled genes that are not zero.
    lines
        How the counts were read, one sentence each.
    """

    name: str
    n_cells: int
    n_genes: int
    layer: str
    reference: str
    pooled: int
    library_size: np.ndarray
    detected: np.ndarray
    filled: float
    lines: tuple[str, ...]

    def facts(self) -> list[tuple[str, str]]:
        """Names and values of the line of numbers at the top."""
        return [
            ("Data", self.name),
            ("Cells", f"{self.n_cells:,}"),
            ("Genes modelled", f"{self.n_genes:,}"),
            ("Genes pooled", f"{self.pooled:,}"),
            ("Median total counts", f"{np.median(self.library_size):,.0f}"),
            ("Median detected genes", f"{np.median(self.detected):,.0f}"),
            ("Zeros", f"{100 * (1 - self.filled):.1f} %"),
            ("Layer", self.layer),
            ("Reference", self.reference),
        ]


def summarise(counts: Counts) -> CountsSummary:
    """Summary of counts; streams row blocks, so that it works for files of any size."""
    real = np.asarray(counts.genes != OTHER)
    detected = np.concatenate(
        [(counts.block(a, a + BLOCK)[:, real] > 0).sum(1) for a in _starts(counts.n_cells)]
    )
    return CountsSummary(
        name=counts.name,
        n_cells=counts.n_cells,
        n_genes=int(real.sum()),
        layer=counts.layer,
        reference=str(counts.genes[counts.reference]),
        pooled=counts.report.n_pooled,
        library_size=counts.library_size,
        detected=detected,
        filled=float(detected.mean() / max(int(real.sum()), 1)),
        lines=tuple(counts.report.lines()),
    )


def _starts(cells: int) -> np.ndarray:
    starts = np.arange(0, cells, BLOCK)
    if len(starts) <= MOST_BLOCKS:
        return starts
    return starts[np.linspace(0, len(starts) - 1, MOST_BLOCKS).astype(int)]


@dataclass(frozen=True)
class Reading:
    """Counts with their source and summary."""

    loaded: DataRequest
    info: SourceInfo
    counts: Counts
    summary: CountsSummary
    offers: tuple[Offer, ...] = ()


# Reads the counts of a request and calls the listener with progress, which may raise to stop it.
Read = Callable[[DataRequest, Listener], tuple[Counts, SourceInfo]]


def in_this_process(request: DataRequest, on_progress: Listener) -> tuple[Counts, SourceInfo]:
    """Read in this process: for trusted sources only."""
    with listening(on_progress):
        return request.load(), inspect_source(request.source, request.choices)


class Task:
    """Counts that are being read.

    Attributes
    ----------
    future
        The counts, or the error.
    words, share
        Progress: what is being done, and the share that is done, 0 to 1.
    stopped
        Whether a stop was requested.
    """

    future: Future[Reading]

    def __init__(self, name: str) -> None:
        self._name = name
        self.words, self.share, self.stopped = "", 0.0, False

    def stop(self) -> None:
        """Stop reading; the future then raises an error that says so."""
        self.stopped = True

    def on_progress(self, words: str, share: float) -> None:
        """Set the progress; raises if a stop was requested."""
        if self.stopped:
            raise DataError(
                f"{self._name} read to its end", "that it was stopped", "Open it again to read it."
            )
        self.words, self.share = words, share


class Reader:
    """Reads counts in threads of its own and keeps the last few for the next session.

    Parameters
    ----------
    read
        Function that reads a source; by default in this process.
    """

    def __init__(self, read: Read = in_this_process) -> None:
        self._read_source = read
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="read")
        self._cached: OrderedDict[tuple[DataRequest, Any], Reading] = OrderedDict()
        self._lock = Lock()

    def submit(self, request: DataRequest) -> Task:
        """Start to read the counts of a request."""
        task = Task(shorten(Path(request.source).name))
        task.future = self._pool.submit(self._read, request, task)
        return task

    def _read(self, request: DataRequest, task: Task) -> Reading:
        state = sources.state(request.source)
        key = request, state
        with self._lock:
            if key in self._cached:
                self._cached.move_to_end(key)
                return self._cached[key]
        task.on_progress("", 0.0)
        counts, info = self._read_source(request, task.on_progress)
        read = Reading(request, info, counts, summarise(counts), getattr(info, "offers", ()))
        # A source without a state may change unnoticed, so its counts are not kept.
        with self._lock:
            if state is not None:
                self._cached[key] = read
            while len(self._cached) > MOST_CACHED:
                self._cached.popitem(last=False)
        return read
