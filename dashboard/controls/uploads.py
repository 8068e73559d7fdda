"""Uploads on the server: to open again, or to delete."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.controls.form import Later, folded
from dashboard.folders import Folders, UploadedFile, size_words
from dashboard.state import AppState, Notice
from dashboard.templates import Html, render
from engine.errors import EngineError

# Lines on a square of 24.
DELETE = "M5 7H19M10 7V4H14V7M7 7 8 20H16L17 7"


class UploadsControl(pn.viewable.Viewer):
    """List of the uploads, newest first; hidden if there are none.

    Parameters
    ----------
    ask
        Called with the path of an upload to open.
    deleted
        Called with the path of a deleted upload.
    """

    def __init__(
        self,
        state: AppState,
        folders: Folders,
        browser: Browser,
        ask: Callable[[str], None],
        deleted: Callable[[str], None] = lambda path: None,
    ) -> None:
        super().__init__()
        self.state, self._folders, self._ask, self._deleted = state, folders, ask, deleted
        self._doomed = ""
        self._list = html.pane()
        self._rows = Later(lambda: [folded("Uploads", self._list)])
        browser.on("upload-open", self._open)
        browser.on("upload-delete", self._delete)
        state.param.watch(self.refresh, ["reading", "loaded", "data_error", "runs"])
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._rows.column

    def refresh(self, *_events: object) -> None:
        """Update the list of uploads, which other pages may change."""
        uploaded = self._folders.uploaded()
        self._list.object = render("runs.runs", [self._row(upload) for upload in uploaded])
        self._rows.show(bool(uploaded))

    def _row(self, upload: UploadedFile) -> Html:
        name, shown = upload.name, upload.path == self.state.source
        details = f"{size_words(upload.size)} · {lists.when(upload.when)}"
        doomed = name == self._doomed
        if doomed:
            fits = self._fits(upload.path)
            details = "press Delete again to delete for good"
            if fits:
                details = f"data of {fits} run{'s' * (fits > 1)}; {details}"
        buttons = [("delete", "Delete", DELETE, None)]
        return render("runs.row", "upload", name, name, details, shown, doomed, buttons)

    def _fits(self, path: str) -> int:
        return sum(run.request.get("source") == path for run in self.state.runs)

    def _find(self, name: str) -> UploadedFile | None:
        return next((upload for upload in self._folders.uploaded() if upload.name == name), None)

    def _open(self, name: str) -> None:
        self._doomed = ""
        upload = self._find(name)
        if upload is not None:
            self._ask(upload.path)
        self.refresh()

    def _delete(self, name: str) -> None:
        if name != self._doomed:
            self._doomed = name
        else:
            self._doomed = ""
            try:
                self._folders.remove(name)
                self._deleted(str(self._folders.uploads / name))
            except EngineError as error:
                self.state.data_error = Notice.of(error)
        self.refresh()
