"""Background jobs: a queue shared by all sessions, and runs that outlive the server."""

from engine.jobs.cell_subset import CellSubset
from engine.jobs.checking import Checked, CheckRequest
from engine.jobs.checks import Checks, check_summary
from engine.jobs.contenders import contender
from engine.jobs.fitted_counts import check_same_counts
from engine.jobs.job import JobHandle
from engine.jobs.job_status import JobError, JobKind, JobState, JobStatus
from engine.jobs.manager import Jobs
from engine.jobs.own import ForeignRun, OwnJobs, size_of
from engine.jobs.store import default_home
from engine.jobs.sweeps import (
    list_sweeps,
    numbers,
    resume_sweep,
    stop_sweep,
    submit_sweep,
    sweep_of,
)

__all__ = [
    "CellSubset",
    "CheckRequest",
    "Checked",
    "Checks",
    "ForeignRun",
    "JobError",
    "JobHandle",
    "JobKind",
    "JobState",
    "JobStatus",
    "Jobs",
    "OwnJobs",
    "check_same_counts",
    "check_summary",
    "contender",
    "default_home",
    "list_sweeps",
    "numbers",
    "resume_sweep",
    "size_of",
    "stop_sweep",
    "submit_sweep",
    "sweep_of",
]
