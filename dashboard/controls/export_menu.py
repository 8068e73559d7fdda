"""Downloads: figures and tables of views, files of fits."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.document import Document

from dashboard import html
from dashboard.browser import Browser
from dashboard.embedding import Embedder
from dashboard.export import MEDIA, Export, Provenance, filename, fit_file, parts, passes, render
from dashboard.on_document import on_document
from dashboard.state import AppState, Notice
from engine.jobs import Jobs

KINDS = ("PNG", "SVG", "PDF", "CSV")
NOTHING = "Nothing to export yet"
NO_FILE = Notice("a run with a result", "none on disk", "Wait for its first pass, or fit again.")
PATIENCE = 600.0
_POOL = ThreadPoolExecutor(2, thread_name_prefix="export")
# Only the icon is drawn; the label is for screen readers.
ICON = {
    "minWidth": 0,
    "padding": "4px",
    "color": "text.secondary",
    "fontSize": 0,
    "& .MuiButton-endIcon": {"display": "none"},
    "& .MuiButton-startIcon": {"margin": 0},
}


def in_background(
    work: Callable[[], Any], then: Callable[[Any], None], fail: Callable[[Exception], None]
) -> Future[None]:
    """Run work in a thread; ``then`` gets the result or ``fail`` the error, on this document."""
    doc = pn.state.curdoc

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            on_document(doc, functools.partial(fail, error))
        else:
            on_document(doc, lambda: then(result))

    return _POOL.submit(run)


class ExportMenu(pn.viewable.Viewer):
    """A button with a menu: the shown figure as PNG, SVG or PDF, its data as CSV.

    Parameters
    ----------
    offer
        Returns the current export; None if there is nothing to export.
    name
        Name in the label: "Export cells".
    needs
        Parameters of the state; the button is active if one of them is set.
    """

    note = param.String(doc="The error, beside the button.")

    def __init__(
        self,
        browser: Browser,
        offer: Callable[[], Export | None],
        state: AppState,
        *,
        name: str = "this view",
        needs: tuple[str, ...] = ("fit",),
    ) -> None:
        super().__init__()
        self.browser, self.offer, self.state = browser, offer, state
        # The report of a run includes every view that has an export.
        state.exports[name] = offer
        state.param.watch(self._forget, [*needs, "detail", "marked", "pair", "selected"])
        self._notice: Notice | None = None
        self._button = pmui.MenuButton(
            label=f"Export {name}",
            icon="download",
            icon_size="18px",
            items=[{"label": kind} for kind in KINDS],
            variant="text",
            size="small",
            margin=0,
            sx=ICON,
            disabled=html.bound(
                lambda *known: all(one is None for one in known),
                *(state.param[name] for name in needs),
            ),
            on_click=self._press,
        )

        self._panel = pn.Row(
            html.live(html.badge, self.param.note, sizing_mode=None, align="center"),
            self._button,
            sizing_mode=None,
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _forget(self, *_events: object) -> None:
        self.note = ""

    def _press(self, item: Any) -> None:
        if self._button.loading:
            return
        self._forget()
        if self._notice is not None and self.state.run_error is self._notice:
            self.state.run_error = None
        kind = item["label"].lower()
        try:
            export = self.offer()
            provenance = Provenance.of(self.state)
        except Exception as error:
            self._fail(error)
            return
        if export is None:
            self.note = NOTHING
            return
        name, fit = filename(provenance, export.name, kind), self.state.fit
        self._button.loading = True

        def save(content: bytes) -> None:
            self._button.loading = False
            self.browser.download(name, MEDIA[kind], content)

        in_background(lambda: render(export, kind, provenance, fit), save, self._fail)

    def _fail(self, error: Exception) -> None:
        self._button.loading = False
        self.note = "Export failed: see Run"
        self._notice = self.state.run_error = Notice.of(error)


def save_fit(
    browser: Browser,
    jobs: Jobs,
    embedder: Embedder,
    run: str,
    state: AppState,
    record: Callable[[str, str], None] = lambda did, what: None,
) -> Future[None]:
    """Let the browser save the .h5ad of a run, with its UMAP if that has been computed.

    ``record`` is called before the first part is sent. Errors become `AppState.run_error`.
    The future ends when the last part has been sent.
    """
    doc = pn.state.curdoc

    def work() -> bool:
        path = jobs.fit_file(run)
        if path is None:
            return False
        made = passes(path)
        known = embedder.known(f"{run} {made}")
        provenance = Provenance(run=jobs.status(run).name)
        with fit_file(path, known, jobs.factor_names(run, made)) as file:
            record("exported", run)
            browser.download(
                filename(provenance, "", "h5ad"), MEDIA["h5ad"], paced(doc, parts(file))
            )
        return True

    def then(has_file: bool) -> None:
        if not has_file:
            state.run_error = NO_FILE

    def fail(error: Exception) -> None:
        state.run_error = Notice.of(error)

    return in_background(work, then, fail)


def paced(doc: Document | None, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of a file, each sent once the one before has gone out, so that memory never fills.

    Raises
    ------
    TimeoutError
        If the session has ended, or takes nothing for a long time.
    """
    for block in blocks:
        yield block
        gone = threading.Event()
        # A session runs its actions in order.
        on_document(doc, gone.set)
        until = time.monotonic() + PATIENCE
        while not gone.wait(1.0):
            ended = doc is None or doc.session_context is None or doc.session_context.destroyed
            if ended or time.monotonic() > until:
                raise TimeoutError("the page takes no more of the file")
