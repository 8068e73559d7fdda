"""Services: what all sessions of a server share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dashboard.embedding import Embedder
from dashboard.folders import Folders
from dashboard.reader import Reader
from dashboard.server_settings import Settings
from engine.jobs import Checks, Jobs, default_home
from engine.store import CountsStore


class Services:
    """Jobs, uploads and readers of a server, or one person's part of them (`people`)."""

    def __init__(
        self, jobs: Jobs, folders: Folders | None = None, store: CountsStore | None = None
    ) -> None:
        self.jobs = jobs
        self.folders = folders or Folders(jobs.home / "uploads")
        self.reader = Reader() if store is None else Reader(store.read)
        self.clean: Callable[[], None] = store.clean if store is not None else lambda: None
        self.embedder = Embedder(jobs)
        self.checks = Checks(jobs)
        # Active job of each artefact and run.
        self.working: dict[tuple[str, str], str] = {}
        self.fetcher = ThreadPoolExecutor(2, thread_name_prefix="fetch")
        self.who: str | None = None
        self.record: Callable[[str, str], None] = lambda did, what: None
        # Folder for a person's selections of cells in runs that others share.
        self.aside: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Services:
        """Make the services of a server from its settings."""
        home = default_home() if settings.home is None else settings.home
        store = CountsStore(home / "counts", settings.counts_bytes)
        # First, because the process that reads imports libraries for seconds.
        store.start()
        jobs = Jobs(home, load_counts=store.load)
        folders = Folders(jobs.home / "uploads", settings.data, settings.upload_bytes)
        return cls(jobs, folders, store)
