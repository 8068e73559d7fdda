"""Opener: reads the counts of the sidebar's settings, or those of an opened run."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import param

from dashboard.folders import Folders
from dashboard.reader import CountsSummary, Reader, Reading, Task
from dashboard.server_settings import DEMO
from dashboard.state import REQUEST, AppState, Notice
from engine.data import ChoiceNeeded, DataRequest
from engine.data.reader_errors import shorten
from engine.errors import DataError, EngineError, NoRoom
from engine.jobs import Jobs, JobStatus, check_same_counts

NOTHING: dict[str, Any] = {"loaded": None, "info": None, "counts": None, "summary": None}
_STAY = "The results of the run stay in view; nothing else is fitted in place of its data."


class Opener:
    """Reads counts in the background; checks that a run was fitted to the same counts.

    Parameters
    ----------
    fetcher
        Threads that read and write files.
    """

    def __init__(
        self, state: AppState, jobs: Jobs, reader: Reader, folders: Folders, fetcher: Executor
    ) -> None:
        self._state, self._jobs, self._reader = state, jobs, reader
        self._folders, self._fetcher = folders, fetcher
        # The server's own source may lie outside the folder that paths are restricted to.
        self._own = {DEMO, state.source}
        self._reading: Task | None = None
        self._checking: tuple[Reading, Future[None]] | None = None
        self._run: JobStatus | None = None
        self._upload: Path | None = None
        self._bringing = self._quiet = self._opening = False
        state.param.watch(self.ask, list(REQUEST))

    def ask(self, *events: object) -> None:
        """Read the counts of the settings."""
        state = self._state
        if self._quiet:
            return
        try:
            request = state.request()
        except EngineError as error:
            state.data_error = Notice.of(error)
            return
        # True if a file is opened, perhaps again; false if only the genes of it change.
        self._opening = not events or state.loaded is None or state.loaded.source != state.source
        status = state.status
        same = status is not None and _request(status, self._find) == request
        self._start(request, status if same else None, bringing=False)

    def bring(self, run: str) -> None:
        """Read the counts of an opened run; the run is shown even if that fails."""
        state = self._state
        try:
            status = self._jobs.status(run)
        except EngineError:
            # Showing the run reports the error.
            return
        self.stop()
        self._reading = self._checking = None
        self._run, self._bringing = status, True
        try:
            request = _request(status, self._find, strict=True)
        except EngineError as error:
            self._give_up(error)
            return
        assert request is not None
        # Until the counts of this run have been read, no others may be shown or fitted as its data.
        if request != state.loaded:
            state.param.update(**NOTHING, brought=None)
        else:
            state.brought = run
        self._quiet = True
        try:
            state.param.update(**{name: getattr(request, name) for name in REQUEST})
        finally:
            self._quiet = False
        self._start(request, status, bringing=True)

    def began(self, run: str) -> None:
        """Note that a run was started on the open counts."""
        self._state.brought = run

    def stop(self) -> None:
        """Stop reading; the open counts stay open."""
        if self._reading is not None:
            self._reading.stop()

    def arrived(self, upload: Path) -> None:
        """Note that a new upload is being read; it is deleted if it cannot be read."""
        self._upload = upload if self._state.reading == str(upload) else None

    def forget(self, upload: str) -> None:
        """Stop reading an upload that was deleted; the open counts stay open."""
        if self._state.reading == upload:
            self.stop()
            self._reading = self._checking = self._upload = None
            name = shorten(Path(upload).name)
            self._fail(
                DataError(
                    f"{name} read to its end",
                    "that it was deleted meanwhile",
                    "Upload it again, or open other counts.",
                )
            )

    def tick(self) -> None:
        """Show the counts once they have been read and checked."""
        if self._reading is not None:
            self._state.how_far = self._reading.words, self._reading.share
        if self._reading is not None and self._reading.future.done():
            task, self._reading = self._reading, None
            done = task.future
            if (error := done.exception()) is not None:
                if task.stopped:
                    self._upload = None
                self._fail(error)
            elif self._run is None:
                self._take(done.result(), None)
            else:
                read = done.result()
                check = self._fetcher.submit(
                    check_same_counts, self._jobs, self._run.id, read.counts
                )
                self._checking = read, check
        if self._checking is not None and self._checking[1].done():
            (read, check), self._checking = self._checking, None
            error = check.exception()
            if error is not None and self._bringing:
                self._fail(error)
            else:
                self._take(read, self._run if error is None else None)

    def _start(self, request: DataRequest, run: JobStatus | None, *, bringing: bool) -> None:
        self._run, self._bringing, self._checking, self._upload = run, bringing, None, None
        # This request replaces the last one.
        self.stop()
        if self._state.reading not in ("", request.source):
            # The requested fit was to use the counts that are no longer read.
            self._state.fit_requested = False
        self._state.param.update(data_error=None, reading=request.source, how_far=("", 0.0))
        self._reading = self._reader.submit(request)

    def _take(self, read: Reading, run: JobStatus | None) -> None:
        brought = None if run is None else run.id
        state, before = self._state, self._state.loaded
        source = read.loaded.source
        opened = self._opening and not self._bringing
        if source not in self._own and (opened or before is None or before.source != source):
            self._folders.record("opened", source)
        state.param.update(**vars(read), brought=brought, data_error=None, reading="")
        if self._opening and not self._bringing and state.run is not None:
            # The shown run would hide the new counts.
            state.tab = "data"

    def _fail(self, error: BaseException) -> None:
        state = self._state
        if self._bringing:
            self._give_up(error)
            return
        if isinstance(error, ChoiceNeeded) and error.offer is not None:
            state.wait_for(error.offer, Notice.of(error))
            return
        notice = Notice.of(error)
        if self._upload is not None and not isinstance(error, NoRoom):
            with suppress(OSError):
                self._upload.unlink(missing_ok=True)
                gone = f"The upload {self._upload.name} was deleted."
                notice = Notice(notice.expected, notice.got, f"{notice.remedy} {gone}")
        if state.loaded is not None and state.loaded.source != state.source:
            # The open data stay open, and can be fitted.
            with param.parameterized.discard_events(state):
                state.param.update(**{name: getattr(state.loaded, name) for name in REQUEST})
        state.param.update(data_error=notice, reading="")

    def _give_up(self, error: BaseException) -> None:
        """Close the counts, and show why those of the run cannot be opened."""
        cause, run = Notice.of(error), self._run
        source = "" if run is None else str(run.request.get("source", ""))
        remedy = cause.remedy
        if source not in ("", DEMO) and not os.path.exists(source):
            remedy = "Bring them back, or open other counts here."
        name = "" if run is None else run.name
        notice = Notice(
            f"the data of the run {name!r}: {cause.expected}", cause.got, f"{remedy} {_STAY}"
        )
        self._state.param.update(**NOTHING, brought=None, data_error=notice, reading="")

    def _find(self, source: str) -> str:
        return source if source in self._own else self._folders.find(source)


def _request(
    status: JobStatus, find: Callable[[str], str], *, strict: bool = False
) -> DataRequest | None:
    """The data request of a run; if it has no allowed one, an error if ``strict``, else None."""
    try:
        if not status.request:
            raise DataError(
                "a note of where they are", "none in the run", "Open the counts under Data."
            )
        request = DataRequest.from_dict(status.request)
        find(request.source)
        return request
    except EngineError:
        if strict:
            raise
        return None


def refusal(state: AppState) -> Notice:
    """The error of a fit that was requested while no counts are ready."""
    if state.data_error is not None:
        error = state.data_error
        if state.loaded is not None:
            return Notice("counts to fit", error.got, "Correct the data or genes first.")
        return Notice(f"counts to fit: {error.expected}", error.got, error.remedy)
    if state.reading:
        return Notice("counts to fit", f"{state.reading} still being read", "Wait for it.")
    return Notice("counts to fit", "none", "Open counts under Data first.")


def crumbs(
    summary: CountsSummary | None, status: JobStatus | None, brought: str | None, reading: str
) -> tuple[str, str, str]:
    """The open data, the shown run and its state, in words."""
    data = ""
    if summary is not None:
        data = f"{summary.name} · {summary.n_cells:,} cells × {summary.n_genes:,} genes"
    if status is None:
        return data, "", ""
    if summary is not None and brought == status.id:
        return data, status.name, status.state
    source = str(status.request.get("source", ""))
    of = Path(source).name if source else "unrecorded data"
    if summary is None:
        read = "being read" if source and reading == source else "not open"
        return f"{of} · {read}", status.name, status.state
    return f"To fit next: {data}", f"{status.name} (fitted to {of})", status.state
