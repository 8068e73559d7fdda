"""Background jobs: a queue shared by all sessions, and runs that outlive the server."""

from engine.jobs.contenders import contender
from engine.jobs.job import JobHandle
from engine.jobs.manager import Jobs
from engine.jobs.status import JobError, JobKind, JobState, JobStatus
from engine.jobs.sweeps import (
    list_sweeps,
    numbers,
    resume_sweep,
    stop_sweep,
    submit_sweep,
    sweep_of,
)

__all__ = [
    "JobError",
    "JobHandle",
    "JobKind",
    "JobState",
    "JobStatus",
    "Jobs",
    "contender",
    "list_sweeps",
    "numbers",
    "resume_sweep",
    "stop_sweep",
    "submit_sweep",
    "sweep_of",
]
