"""UMAP of factor scores or topics: computed by a background job, saved with the run."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.bare import by_counts, is_bare
from dashboard.plots import raster
from dashboard.plots.cells import MOST_POINTS
from dashboard.umap_layout import MOST_FITTED, NEIGHBOURS, SEED
from dashboard.umap_process import umap_coordinates
from engine.files.atomic import atomic_write
from engine.files.own_files import read_arrays
from engine.jobs import JobError, JobHandle, Jobs
from engine.jobs.artefact import Artefact, Work
from engine.results import AnyFit
from engine.summaries import coordinates, scores

FEWEST_CELLS = 10
MOST_CACHED = 8
FILE = "umap.npz"
# A file that was made by another method is not used.
METHOD = {"version": 1, "seed": SEED, "neighbours": NEIGHBOURS, "most_fitted": MOST_FITTED}

_log = logging.getLogger(__name__)


class Embedder:
    """Starts UMAP jobs, and keeps the last few results in memory for all sessions.

    A key is the id of a run and the number of its passes, with a space in between.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.RLock()
        self._tasks: dict[str, str] = {}
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()
        self._images: threading.Event | None = None

    def compile_layout(self) -> None:
        """Compile Numba's code before the first UMAP needs it."""
        scores = np.random.default_rng(0).normal(size=(200, 5))
        self._jobs.submit("warm-up", lambda _handle: umap_coordinates(scores))

    def compile_images(self) -> bool:
        """Compile the drawing of many cells in the background; return whether it is compiled.

        It takes seconds, in which a page that compiled would block all others.
        """
        with self._lock:
            if self._images is None:
                done = self._images = threading.Event()

                def work(_: JobHandle) -> None:
                    try:
                        raster.compile_images()
                    finally:
                        done.set()

                # In its own queue: in the queue of the UMAPs it would wait for them to end.
                self._jobs.submit("warm-up", work, queue="images")
            return self._images.is_set()

    def ask(self, key: str, fit: AnyFit) -> np.ndarray | None:
        """Coordinates of the fit known as ``key``; None while they are being computed.

        Raises
        ------
        EngineError
            If there is no such run.
        RuntimeError
            If the computation failed; the next call tries again.
        """
        if is_bare(fit):
            return by_counts(fit)
        if len(fit.cells) < FEWEST_CELLS or (fit.n_factors == 1 and fit.can("mixtures")):
            # With a single topic, its weight is 1 in all cells.
            return scores(fit)[:, [0, min(1, fit.n_factors - 1)]]
        drawable = len(fit.cells) <= MOST_POINTS or self.compile_images()
        with self._lock:
            if key not in self._tasks:
                xy = self._recall(key, fit)
                if xy is not None:
                    return xy if drawable else None
                self._tasks[key] = UMAP.submit(self._jobs, _parts(key)[0], fit=fit)
            task = self._tasks[key]
            status = self._jobs.status(task)
            if status.active or not drawable:
                return None
            xy = self._jobs.result(task) if status.state == "done" else None
            del self._tasks[key]
            self._jobs.delete(task)
            if xy is None:
                raise RuntimeError(status.message)
            return self._keep(key, xy)

    def known(self, key: str) -> np.ndarray | None:
        """Coordinates that were computed before, in memory or on disk; starts nothing."""
        return self._recall(key, None)

    def progress(self, key: str) -> str:
        """Progress of the job for ``key``, in words; empty if there is none."""
        with self._lock:
            task = self._tasks.get(key)
            return self._jobs.status(task).phase if task is not None else ""

    def _recall(self, key: str, fit: AnyFit | None) -> np.ndarray | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            try:
                xy = UMAP.read(self._jobs, *_parts(key), fit)
            except JobError:
                return None
            return None if xy is None else self._keep(key, xy)

    def _keep(self, key: str, xy: np.ndarray) -> np.ndarray:
        self._known[key] = xy
        while len(self._known) > MOST_CACHED:
            self._known.popitem(last=False)
        return xy


class _Umap(Artefact[np.ndarray]):
    """(C, 2) coordinates; anybody who may open a run may start their computation."""

    name, file, owned = "UMAP", FILE, False

    def work(self, work: Work, *settings: Any) -> np.ndarray:
        """It ends early if it is stopped or if its run is deleted."""

        def on_progress(fraction: float, words: str) -> None:
            if work.stopping:
                raise JobError("time to finish the UMAP", "a wish to stop", "Open the run again.")
            work.progress(fraction, words)

        return umap_coordinates(coordinates(work.fit), on_progress)

    def save(self, result: np.ndarray, path: Path, fit: AnyFit) -> None:
        """Save the coordinates; if that fails, they are computed again next time."""
        try:
            keep(path.parent, str(fit.status.passes), coordinates(fit), result)
        except OSError as error:
            _log.warning("The UMAP of %s could not be kept: %s", path.parent.name, error)

    def load(self, path: Path, passes: int, fit: AnyFit | None = None) -> np.ndarray | None:
        """Coordinates by the same method and, if ``fit`` is given, of its scores; else None."""
        file = read_arrays(path)
        about, xy = json.loads(str(file["about"])), file["xy"]
        if {**about, **METHOD, "passes": str(passes)} != about:
            return None
        if fit is not None and about["scores"] != _digest(coordinates(fit)):
            return None
        sound = xy.dtype == np.float32 and xy.ndim == 2 and xy.shape[1] == 2
        sound = sound and (fit is None or len(xy) == len(fit.cells))
        return xy if sound and np.isfinite(xy).all() else None


UMAP = _Umap()


def keep(folder: Path, passes: str, scores: np.ndarray, xy: np.ndarray) -> None:
    """Save (C, 2) coordinates of (C, k) scores in the folder of their run.

    Parameters
    ----------
    passes
        Passes of the fit that has these scores.
    """
    about = {**METHOD, "passes": passes, "scores": _digest(scores)}
    _write(folder / FILE, np.asarray(xy, np.float32), about)


def _parts(key: str) -> tuple[str, int]:
    run, _, passes = key.partition(" ")
    return run, int(passes)


def _digest(scores: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(scores), digest_size=16).hexdigest()


def _write(path: Path, xy: np.ndarray, about: dict[str, object]) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, xy=xy, about=np.array(json.dumps(about)))
