"""UMAP of factor scores as a background job, seeded, kept for each fit."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from dashboard.imports import slowly
from engine.jobs import JobHandle, Jobs
from engine.results import Fit

SEED = 0
NEIGHBOURS = 15
FEWEST_CELLS = 10
KEPT = 8


def umap_coordinates(scores: np.ndarray, seed: int = SEED) -> np.ndarray:
    """(C, 2) float32 UMAP coordinates of (C, k) factor scores.

    Source: McInnes, Healy, Melville (2018), arXiv:1802.03426; one thread, so that the
    same scores give the same picture.
    """
    model = slowly("umap").UMAP(
        n_neighbors=min(NEIGHBOURS, len(scores) - 1),
        init="pca" if scores.shape[1] > 1 else "random",
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(np.asarray(scores, np.float32)), np.float32)


class Embedder:
    """Starts UMAP jobs and remembers the last few results for all sessions."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._warm = False
        self._tasks: OrderedDict[str, str] = OrderedDict()

    def warm_up(self) -> None:
        """Let the first UMAP find Numba's code compiled; only the first call does anything."""
        if not self._warm:
            self._warm = True
            scores = np.random.default_rng(0).normal(size=(200, 5))
            self._jobs.submit("warm-up", lambda _handle: umap_coordinates(scores))

    def ask(self, key: str, fit: Fit) -> Any:
        """Coordinates of the fit known as ``key``; None while they are being computed.

        Raises
        ------
        RuntimeError
            If the computation failed; the next call tries again.
        """
        if len(fit.cells) < FEWEST_CELLS:
            return fit.scores[:, [0, min(1, fit.n_factors - 1)]]
        if key not in self._tasks:
            scores = fit.scores

            def work(_handle: JobHandle) -> np.ndarray:
                return umap_coordinates(scores)

            self._tasks[key] = self._jobs.submit(f"UMAP of {key}", work)
            while len(self._tasks) > KEPT:
                self._jobs.delete(self._tasks.popitem(last=False)[1])
        self._tasks.move_to_end(key)
        status = self._jobs.status(self._tasks[key])
        if status.state == "done":
            return self._jobs.result(self._tasks[key])
        if status.state not in ("queued", "running"):
            del self._tasks[key]
            raise RuntimeError(status.message)
        return None
