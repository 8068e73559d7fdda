"""Background jobs: a queue shared by all sessions, and runs that outlive the server."""

from engine.jobs.job import JobHandle
from engine.jobs.manager import Jobs
from engine.jobs.status import JobError, JobKind, JobState, JobStatus

__all__ = ["JobError", "JobHandle", "JobKind", "JobState", "JobStatus", "Jobs"]
