"""Tasks of the browser: keys, buttons in plain HTML, saving files, moving the focus."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import panel as pn
import param
from panel.custom import JSComponent

from dashboard.on_document import on_document
from dashboard.one_message import one_message

SCRIPT = Path(__file__).resolve().parent.parent / "assets" / "browser.js"
PART = 4 * 2**20

Action = Callable[[str], None]


class Browser(JSComponent):
    """Invisible; one on a page.

    A button in a pane of HTML, ``<button data-act="drop-gene" data-value="CD3E">``, calls
    the action that `on` registered for ``"drop-gene"`` with ``"CD3E"``; the act ``"key"`` gets the
    name of a key that was pressed outside of any field (``"ArrowRight"``, ``"Escape"``). The key
    ``/`` goes to the field labelled ``search_label``.
    """

    search_label = param.String()
    notices = param.Integer(doc="Number of notices so far; a new one is scrolled to.")

    _esm = SCRIPT.read_text("utf-8")

    def __init__(self, search_label: str = "") -> None:
        super().__init__(
            search_label=search_label, width=0, height=0, margin=0, sizing_mode="fixed"
        )
        self._actions: dict[str, list[Action]] = {}
        self._document = pn.state.curdoc

    def on(self, act: str, action: Action) -> None:
        """Call ``action(value)`` whenever a button or key of this act is pressed."""
        self._actions.setdefault(act, []).append(action)

    def focus(self, label: str) -> None:
        """Put the cursor into the field with this label."""
        self._send_msg({"do": "focus", "label": label})

    def notify(self, notice: object) -> None:
        """Scroll to the notice of the page, if there is one: it may be below the fold."""
        self.notices += notice is not None

    def copy(self, text: str) -> None:
        """Put a text on the clipboard; the act ``"copied"`` then gets "yes" or "no"."""
        self._send_msg({"do": "copy", "text": text})

    def show_address(self, search: str, *, replace: bool) -> None:
        """Show another query in the address bar, as a new step or instead of the last.

        The act ``"address"`` gets the query of a new page, or the query after a step back.
        """
        self._send_msg({"do": "address", "search": search, "replace": replace})

    def remember(self, name: str, value: str) -> None:
        """Keep a choice in a cookie of the browser, for the pages that it opens later."""
        self._send_msg({"do": "cookie", "name": name, "value": value})

    def download(self, name: str, kind: str, content: bytes | Iterable[bytes]) -> None:
        """Let the browser save a file, sent in parts; from any thread.

        Parameters
        ----------
        name
            Name of the file.
        kind
            Its media type, such as ``"image/png"``.
        """
        file = uuid.uuid4().hex
        blocks = [content] if isinstance(content, bytes) else content
        for block in blocks:
            for start in range(0, len(block), PART):
                part = block[start : start + PART]
                self._send({"do": "part", "file": file, "bytes": part})
        self._send({"do": "save", "file": file, "name": name, "kind": kind})

    def _send(self, message: dict[str, object]) -> None:
        on_document(self._document, functools.partial(self._send_msg, message))

    @one_message
    def _handle_msg(self, message: object) -> None:
        # The browser is not trusted: a message that is not two strings is dropped.
        if not isinstance(message, dict):
            return
        act, value = message.get("act"), message.get("value")
        if isinstance(act, str) and isinstance(value, str):
            for action in self._actions.get(act, []):
                action(value)
