"""A fit that computes nothing: its steps are let through by the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.data import Counts, DataRequest
from engine.fitting.progress import Progress
from engine.jobs import Jobs, JobStatus
from engine.lnm.config import LNMConfig
from engine.results import Fit, Status, Totals
from tests.waiting import PATIENCE, wait_for

Serve = Callable[..., Jobs]

GENES = ["A", "B", "C", "_other"]
CELLS = [f"cell {i}" for i in range(5)]


REQUEST = DataRequest("folder/tiny.h5ad")


def folder(jobs: Jobs, id: str) -> Path:
    return jobs.home / "runs" / id


def make_counts() -> Counts:
    matrix = np.arange(1, 21).reshape(5, 4)
    obs = pd.DataFrame({"label": list("aabbb")}, index=CELLS)
    return Counts.from_arrays(matrix, GENES, CELLS, obs=obs, name="tiny")


def load_counts(request: Any) -> Counts:
    assert request == REQUEST.to_dict()
    return make_counts()


def make_fit(passes: int, state: Any = "running", config: LNMConfig | None = None) -> Fit:
    config = config or LNMConfig(n_factors=1)
    counts = make_counts()
    trace = pd.DataFrame(
        {
            "pass": range(1, passes + 1),
            "seconds": np.arange(passes, dtype=float),
            "log_marginal_per_cell": -10.0 / np.arange(1, passes + 1),
        }
    )
    return Fit(
        config=config,
        genes=counts.genes,
        cells=counts.cells,
        reference=counts.reference,
        mean_clr=np.full(4, float(passes)),
        loadings=np.ones((4, config.size)),
        noise=np.array([0.1, 0.1, 0.1, 0.0]),
        scores=np.zeros((5, config.size)),
        scores_sd=np.ones((5, config.size)),
        log_marginal=np.full(5, -10.0 / passes),
        total_counts=counts.totals,
        totals=Totals(mean=10.0, concentration=5.0),
        capture=None,
        obs=counts.obs,
        trace=trace,
        status=make_status(passes, state),
        data={"fingerprint": counts.fingerprint},
    )


def make_status(passes: int, state: Any = "running") -> Status:
    return Status(
        state=state,
        reason="" if state == "running" else "the gain of a pass fell under the tolerance",
        passes=passes,
        seconds=float(passes),
        seconds_compiling=0.5,
        n_failed_cells=0,
    )


def make_progress(passes: int, state: Any = "running", config: LNMConfig | None = None) -> Progress:
    known = passes > 0
    return Progress(
        status=make_status(passes, state),
        phase="fitting" if known else "compiling",
        fraction=passes / 10,
        seconds_left=1.0 if known else None,
        log_marginal_per_cell=-10.0 / passes if known else float("nan"),
        gradient_median=0.1,
        gradient_worst=0.2,
        snapshot=(lambda: make_fit(passes, state, config)) if known else None,
    )


class FakeFits:
    """A `fit_iter`: one step without a fit, then ``passes`` steps, each waiting for `allow`.

    The seed of the configuration tells the fits apart.
    """

    def __init__(self, passes: int = 3, *, free: bool = False) -> None:
        self.passes = passes
        self.free = free
        self.fails: dict[int, BaseException] = {}
        self.begun: list[int] = []
        self.starts: list[int | None] = []
        self.pulls: dict[int, int] = {}
        self.closed: set[int] = set()
        self._allowed: dict[int, int] = {}
        self._change = threading.Condition()

    def __call__(
        self, counts: Counts, config: LNMConfig, *, start: Fit | None = None
    ) -> Iterator[Progress]:
        seed, first = config.seed, start.status.passes if start is not None else 0
        with self._change:
            self.begun.append(seed)
            self.starts.append(first or None)
            self.pulls[seed] = 0
            self._change.notify_all()
        try:
            self._pull(seed)
            yield make_progress(0, config=config)
            for done in range(first + 1, self.passes + 1):
                self._pull(seed)
                if seed in self.fails:
                    raise self.fails[seed]
                state = "converged" if done == self.passes else "running"
                yield make_progress(done, state, config)
        finally:
            with self._change:
                self.closed.add(seed)
                self._change.notify_all()

    def allow(self, seed: int, pulls: int = 1000) -> None:
        """Let so many more pulls through, the first (without a fit) included."""
        with self._change:
            self._allowed[seed] = self._allowed.get(seed, 0) + pulls
            self._change.notify_all()

    def wait_for_pull(self, seed: int, pull: int) -> None:
        """Wait until that pull has begun: everything before it was published and saved."""
        with self._change:
            assert self._change.wait_for(lambda: self.pulls.get(seed, 0) >= pull, PATIENCE)

    def _pull(self, seed: int) -> None:
        with self._change:
            self.pulls[seed] += 1
            self._change.notify_all()
            if self.free:
                return
            assert self._change.wait_for(lambda: self._allowed.get(seed, 0) > 0, PATIENCE)
            self._allowed[seed] -= 1


def config(seed: int) -> LNMConfig:
    return LNMConfig(n_factors=1, seed=seed)


def submit(jobs: Jobs, seed: int) -> str:
    return jobs.submit_fit(REQUEST, config(seed), counts=make_counts())


def until(jobs: Jobs, id: str, done: Callable[[JobStatus], bool]) -> JobStatus:
    """Poll, as a session does, until the status is as wanted."""
    status = wait_for(lambda: status if done(status := jobs.status(id)) else None)
    if status.active:
        return status
    settle(jobs)
    return jobs.status(id)


def ended(jobs: Jobs, id: str) -> JobStatus:
    return until(jobs, id, lambda status: not status.active)


def settle(jobs: Jobs) -> None:
    """Wait out an end that is being written: its files and its lock follow the status."""
    with jobs._pool.lock:
        pass


def close_at_a_step(jobs: Jobs, fits: FakeFits, seed: int) -> None:
    """Close a server whose fit is computing a step, which is the last that it takes."""
    # In this order: a step that ended before the server was closing would be followed by another.
    jobs.close(timeout=0.0)
    fits.allow(seed, 1)
    for queue in list(jobs._pool._queues.values()):
        assert queue.join(PATIENCE)
