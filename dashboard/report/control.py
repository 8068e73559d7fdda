"""Downloads of the open run: its report, its figures and tables, its methods text."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.browser import Browser
from dashboard.controls.export_menu import in_background, paced
from dashboard.controls.form import WIDE, beside, form
from dashboard.export import MEDIA, filename, parts
from dashboard.on_document import on_document
from dashboard.report.bundle import write_bundle
from dashboard.report.document import document
from dashboard.report.figures import Figure, as_they_stand, complete
from dashboard.report.subject import Subject
from dashboard.state import AppState, Notice
from engine.jobs import Jobs, check_summary

REPORT, BUNDLE, METHODS = "Report (HTML)", "Figures and tables (zip)", "Methods text"
LABEL, AREA = "Report of the open run", "Methods of the open run"
COPIED, NOT_COPIED = "Copied.", "Not copied: select the text and copy it."
FAILED = "Export failed: see Run"


class ReportControl(pn.viewable.Viewer):
    """A button with a menu, the progress in words, and the methods text on request."""

    note = param.String(doc="Progress or outcome.")

    def __init__(self, state: AppState, jobs: Jobs, browser: Browser) -> None:
        super().__init__()
        self.state, self.jobs, self.browser = state, jobs, browser
        self._notice: Notice | None = None
        self._button = pmui.MenuButton(
            label=LABEL,
            icon="summarize",
            items=[{"label": words} for words in (REPORT, BUNDLE, METHODS)],
            variant="outlined",
            disabled=html.bound(lambda fit: fit is None, state.param.fit),
            on_click=self._press,
            **WIDE,
        )
        self._text = pmui.TextAreaInput(label=AREA, rows=8, max_rows=16, auto_grow=False, **WIDE)
        small: dict[str, Any] = {"size": "small", "variant": "text", "margin": 0}
        # Built from the start: Bokeh would not yet know a button that is pressed once it appears.
        self._methods = form(
            self._text,
            beside(
                pmui.Button(label="Copy", icon="content_copy", on_click=self._copy, **small),
                pmui.Button(label="Close", icon="close", on_click=self._close, **small),
            ),
        )
        self._methods.visible = False
        browser.on("copied", self._copied)
        state.param.watch(self._close, "run")
        self._panel = form(self._button, html.live(_words, self.param.note), self._methods)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _press(self, item: Any) -> None:
        fit, state = self.state.fit, self.state
        if self._button.loading or fit is None or state.run is None:
            return
        if self._notice is not None and state.run_error is self._notice:
            state.run_error = None
        run, status, names, known = state.run, state.status, list(state.names), state.embedding
        xy = known.xy if known is not None and known.kind == "umap" else None
        on_progress = self._teller()
        try:
            shown = as_they_stand(state)
        except Exception as error:
            self._fail(error)
            return

        def subject() -> Subject:
            check = check_summary(self.jobs, run) or {}
            return Subject.of(fit, status, names=names, check=check)

        def figures(of: Subject) -> list[Figure]:
            return complete(of.fit, shown, xy)

        def report() -> Callable[[], None]:
            of = subject()
            content = document(of, figures(of), on_progress)
            name = filename(of.provenance, "report", "html")
            return lambda: self.browser.download(name, MEDIA["html"], content)

        def bundle() -> Callable[[], None]:
            of = subject()
            with tempfile.TemporaryDirectory(prefix="logratio-") as folder:
                path = Path(folder) / "figures.zip"
                write_bundle(path, of, figures(of), on_progress)
                name = filename(of.provenance, "figures", "zip")
                self.browser.download(name, MEDIA["zip"], paced(doc, parts(path)))
            return lambda: None

        def methods() -> Callable[[], None]:
            text = subject().methods
            return lambda: self._show(text)

        doc = pn.state.curdoc
        work = {REPORT: report, BUNDLE: bundle, METHODS: methods}[item["label"]]
        self._button.loading, self.note = True, "Collecting what the views show"
        in_background(work, self._done, self._fail)

    def _teller(self) -> Callable[[str], None]:
        doc = pn.state.curdoc

        def say(words: str) -> None:
            if self._button.loading:
                self.note = words

        return lambda words: on_document(doc, lambda: say(words))

    def _done(self, then: Callable[[], None]) -> None:
        self._button.loading, self.note = False, ""
        then()

    def _fail(self, error: Exception) -> None:
        self._button.loading, self.note = False, FAILED
        self._notice = self.state.run_error = Notice.of(error)

    def _show(self, text: str) -> None:
        self._text.value = text
        self._methods.visible = True

    def _close(self, *_events: object) -> None:
        self._methods.visible = False
        if not self._button.loading:
            self.note = ""

    def _copy(self, *_events: object) -> None:
        self.browser.copy(self._text.value)

    def _copied(self, how: str) -> None:
        self.note = COPIED if how == "yes" else NOT_COPIED


def _words(note: str) -> str:
    return html.note(note) if note else ""
