"""Upload of files from the person's own computer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import panel as pn
import param
from panel.custom import JSComponent

from dashboard import html
from dashboard.folders import SHOWN, SUFFIXES, Folders, Upload, size_words
from engine.errors import DataError, EngineError

SCRIPT = Path(__file__).resolve().parents[2] / "assets" / "upload.js"


class UploadArea(JSComponent):
    """Area where a file is dropped or chosen; the server requests it part by part."""

    accept = param.String()
    hint = param.String()

    _esm = SCRIPT.read_text("utf-8")

    def __init__(
        self,
        folders: Folders,
        arrived: Callable[[Path], None],
        failed: Callable[[EngineError], None],
    ) -> None:
        super().__init__(
            accept=",".join((*SUFFIXES, ".gz")),
            hint=f"{', '.join(SHOWN)} · at most {size_words(folders.most_bytes)}",
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[html.STYLES],
        )
        self._folders, self._arrived, self._failed = folders, arrived, failed
        self._upload: Upload | None = None
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            # Weak: the document of the first session outlives the area. An unfinished upload of a
            # closed page would count against its person's space.
            area = weakref.ref(self)
            document.on_session_destroyed(lambda _: _give_up(area()))

    def _handle_msg(self, message: object) -> None:
        if not isinstance(message, dict):
            return
        try:
            self._hear(message)
        except EngineError as error:
            self._drop()
            self._send_msg({"do": "end"})
            self._failed(error)

    def _hear(self, message: dict[str, object]) -> None:
        match message:
            case {"do": "begin", "name": str(name), "size": int(size)}:
                self._drop()
                self._upload = self._folders.begin(name, size)
                self._send_msg({"do": "send", "at": 0})
            case {"do": "part", "at": int(at), "bytes": bytes(content)}:
                if self._upload is None or at != self._upload.done:
                    return
                if not self._upload.add(content):
                    self._send_msg({"do": "send", "at": self._upload.done})
                    return
                upload, self._upload = self._upload, None
                path = upload.finish()
                self._folders.record("uploaded", str(path))
                self._send_msg({"do": "end"})
                self._arrived(path)
            case {"do": "cancel"}:
                self._drop()
            case {"do": "unreadable", "name": str(name)}:
                raise DataError(
                    "a file that the browser can read", repr(name[-80:]), "Choose it again."
                )

    def _drop(self) -> None:
        if self._upload is not None:
            self._upload.drop()
            self._upload = None


def _give_up(area: UploadArea | None) -> None:
    if area is not None:
        area._drop()
