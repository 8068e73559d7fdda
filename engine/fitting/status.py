"""How a fit ended, whatever its model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["running", "converged", "completed", "stopped"]


@dataclass(frozen=True)
class Status:
    """How a fit ended.

    ``state`` is "converged" (the stopping rule held), "completed" (the work planned for this
    number of cells is done), "stopped" (budget or user) or "running" (a snapshot of an unfinished
    fit); ``reason`` says it in words.
    """

    state: State
    reason: str
    passes: int
    seconds: float
    seconds_compiling: float
    n_failed_cells: int


def stopped_by_user(status: Status) -> Status:
    """The status of a fit that was stopped; its reason is kept."""
    words = ("stopped by the user", status.reason)
    return replace(status, state="stopped", reason="; ".join(part for part in words if part))
