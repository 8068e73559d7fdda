"""Progress that a running fit reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.fitting.status import Status


@dataclass(frozen=True)
class Progress[F]:
    """One step of a fit, as `engine.fit_iter` yields it.

    Attributes
    ----------
    status
        "running" until the last step of the iteration.
    phase
        What is being done, in words ("compiling", "fitting", "finishing").
    fraction
        Share of the work done, 0 to 1, an estimate.
    seconds_left
        Estimated time left; None while unknown.
    log_marginal_per_cell
        Objective without priors, nats per cell; NaN before the first pass. For topics the mean
        of the cells' bounds.
    gradient_median, gradient_worst
        Newton decrement of the cells' latents (posterior standard deviations); NaN for topics.
    snapshot
        Builds the fit as it stands; cheap, and safe to call from another thread.
        None before the first pass.
    """

    status: Status
    phase: str
    fraction: float
    seconds_left: float | None
    log_marginal_per_cell: float
    gradient_median: float
    gradient_worst: float
    snapshot: Callable[[], F] | None
