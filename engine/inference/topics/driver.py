"""Fit topics, one step at a time: budget, trace, clock and snapshots about the optimisation."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.config import LDAConfig
from engine.data import Counts
from engine.errors import ConfigError, FitError
from engine.inference.compilation import keep_compilations, seconds_compiling
from engine.inference.progress import Progress
from engine.inference.running import Running
from engine.inference.topics import em
from engine.inference.topics.snapshot import TopicSnapshot
from engine.inference.topics.steps import End, Event, Step
from engine.results import State, Status, TopicFit


def fit_topics(
    counts: Counts, config: LDAConfig, *, start: TopicFit | None = None
) -> Iterator[Progress]:
    """`engine.fit_iter` for latent Dirichlet allocation.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    FitError
        If the objective stops being finite.
    """
    keep_compilations()
    _check(counts, config, start)
    run = _Run(counts, config, start)
    yield from run.follow(_events(counts, config, start))


def _events(
    counts: Counts, config: LDAConfig, start: TopicFit | None
) -> Generator[Event, None, End]:
    if config.inference == "vae":
        # NumPyro takes a second to import, which most fits need not spend.
        from engine.inference.topics import vae

        return vae.maximise(counts, config, start)
    return em.maximise(counts, config, start)


def _check(counts: Counts, config: LDAConfig, start: TopicFit | None) -> None:
    config.eta(counts.n_genes)
    if config.n_topics > counts.n_cells:
        raise ConfigError(
            f"no more topics than cells ({counts.n_cells:,})",
            f"{config.n_topics} topics",
            f"Choose at most {counts.n_cells} topics, or more cells.",
        )
    if start is not None and (
        not start.genes.equals(counts.genes) or start.n_topics != config.n_topics
    ):
        raise ConfigError(
            f"a fit of these {counts.n_genes:,} genes with {config.n_topics} topics",
            f"one of {len(start.genes):,} genes with {start.n_topics} topics",
            "Start a new fit, or go on with the genes and topics of the earlier one.",
        )


class _Run(Running[Step]):
    """What has been seen of a running fit."""

    def __init__(self, counts: Counts, config: LDAConfig, start: TopicFit | None) -> None:
        self._config = config
        self._data = counts.provenance()
        super().__init__(start)
        self._snapshot: TopicSnapshot | None = None
        self._budget = (
            config.max_passes if config.inference == "em" else config.epochs(counts.n_cells)
        )

    def _note(self, step: Step) -> None:
        if not np.isfinite(step.value):
            raise FitError(
                "a finite objective",
                f"{step.value} after {self._passes} passes",
                "Lower learning_rate, or report this with the run's log.",
            )
        self._phase, self._left = step.phase, step.passes_left
        self._rows.append(
            {
                "pass": self._before.passes + self._passes,
                "seconds": self._before.seconds + self._seconds,
                "log_marginal_per_cell": step.value,
            }
        )
        self._snapshot = TopicSnapshot(
            counts=step.counts,
            config=self._config,
            learn=step.learn,
            trace=pd.DataFrame(self._rows),
            status=self._status("running", ""),
            data=self._data,
        )

    def budget_spent(self, event: Event) -> str:
        """Why the fit must end now, or an empty string."""
        if self._snapshot is None:
            return ""
        # Epochs are counted by those who plan the rate of learning over them.
        planned = self._config.inference == "vae"
        if not planned and self._passes >= self._budget and isinstance(event, Step):
            return f"the {self._budget} passes allowed are made"
        limit = self._config.max_seconds
        if limit is not None and self._seconds >= limit:
            return f"the {limit:g} seconds allowed are spent"
        return ""

    def _status(self, state: State, reason: str) -> Status:
        return Status(
            state=state,
            reason=reason,
            passes=self._before.passes + self._passes,
            seconds=self._before.seconds + self._seconds,
            seconds_compiling=self._before.seconds_compiling
            + seconds_compiling()
            - self._compiled_before,
            n_failed_cells=0,
        )

    def progress(self, state: State, reason: str = "") -> Progress:
        """The fit as it stands."""
        status = self._status(state, reason)
        running = state == "running"
        done = self._passes + self._within
        left = min(self._left, self._budget - self._passes) - self._within
        left = max(left, 0.0) if np.isfinite(left) else np.nan
        last = self._rows[-1] if self._rows else {}
        return Progress(
            status=status,
            phase=self._phase if running else "finishing",
            fraction=1.0 if not running else 0.0 if np.isnan(left) else done / (done + left + 0.5),
            seconds_left=None if np.isnan(left) or not done else left * self._seconds / done,
            log_marginal_per_cell=last.get("log_marginal_per_cell", np.nan),
            gradient_median=np.nan,
            gradient_worst=np.nan,
            snapshot=self._snapshot and replace(self._snapshot, status=status),
        )
