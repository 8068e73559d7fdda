"""1 Data: the demo, a path or an upload, and how to read it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.browser import Browser
from dashboard.controls.form import WIDE, Later, beside, folded, select, step
from dashboard.controls.source_choices import ChoiceControls
from dashboard.controls.upload import UploadArea
from dashboard.controls.uploads import UploadsControl
from dashboard.runner import Runner
from dashboard.server_settings import DEMO
from dashboard.state import CHOICES, AppState, Notice
from engine.data import INDEX
from engine.errors import EngineError

PICK = "choose a file"


class DataControl(pn.viewable.Viewer):
    """Opens counts, and shows the error of those that cannot be opened."""

    def __init__(self, state: AppState, runner: Runner, browser: Browser | None = None) -> None:
        super().__init__()
        self.state = state
        self.runner = runner
        self._folders = runner.services.folders
        self._following = False
        self._bar = pmui.LinearProgress(
            value=0, sizing_mode="stretch_width", width=None, margin=(4, 0)
        )
        stop = partial(pmui.Button, label="Stop reading", icon="stop", variant="outlined", **WIDE)
        self._progress = Later(lambda: [self._bar, stop(on_click=self._stop)])
        state.param.watch(self._follow_reading, ["reading", "how_far"])
        shown = "" if self._is_hidden(state.source) else state.source
        self._path = pmui.TextInput(
            label="Path of the counts",
            placeholder="cells.h5ad" if self._folders.data else "/data/cells.h5ad",
            value=shown,
            helper_text="On the server: .h5ad, .zarr, .h5, .loom, .csv or folder",
            **WIDE,
        )
        self._path.param.watch(self._open, "enter_pressed")
        demo, open_ = (
            pmui.Button(label=label, on_click=action, variant="outlined", **WIDE)
            for label, action in (("Open demo", self._demo), ("Open path", self._open))
        )
        offered = self._folders.offered()
        self._pick = select(
            "Files on the server",
            f"Directly in {self._folders.data}",
            {PICK: ""} | {name: name for name in offered},
        )
        self._pick.param.watch(self._choose_file, "value")
        self._layer = select("Layer", "Which matrix holds the raw counts.")
        self._size = select("Library size", "Counts over all genes, for capture and totals.")
        self._names = select("Gene names", "What the genes are called; their ids stay beside.")
        self._names.param.watch(self._choose, "value")
        self._layer.param.watch(self._choose, "value")
        self._size.param.watch(self._choose, "value")
        state.param.watch(self._offer, "info")
        state.param.watch(self._follow, "source")
        self._offer()
        self._panel = step(
            1,
            "Data",
            *([self._pick] if offered else []),
            self._path,
            beside(open_, demo),
            UploadArea(self._folders, self._arrived, self._tell),
            html.live(self._words, state.param.reading, state.param.how_far),
            self._progress.column,
            html.live(html.notice, state.param.data_error),
            ChoiceControls(state).column,
            UploadsControl(
                state, self._folders, browser or Browser(), self._ask, runner.forget_upload
            ),
            folded("Layer, library size and gene names", self._layer, self._size, self._names),
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _demo(self, *_events: object) -> None:
        self._path.value = ""
        self._ask(DEMO)

    def _open(self, *_events: object) -> None:
        typed = (self._path.value_input or "").strip()
        if typed in ("", DEMO):
            self._ask(DEMO)
            return
        try:
            self._ask(self._folders.find(typed))
        except EngineError as error:
            self._tell(error)

    def _choose_file(self, event: param.parameterized.Event) -> None:
        if event.new:
            self._path.value = event.new
            self._open()

    def _arrived(self, path: Path) -> None:
        """Open a new upload; it is deleted if it cannot be read."""
        self._ask(str(path), new=True)
        self.runner.arrived(path)

    def _follow_reading(self, *_events: object) -> None:
        share = self.state.how_far[1]
        self._bar.param.update(
            variant="determinate" if share else "indeterminate", value=100 * share
        )
        self._progress.show(bool(self.state.reading))
        if not self.state.reading and not self._path.value:
            # An upload could not be read: show the source that is open.
            self._follow()

    def _stop(self, _event: object) -> None:
        self.runner.stop_reading()

    def _words(self, source: str, how_far: tuple[str, float]) -> str:
        what = f"the upload {Path(source).name}" if self._is_upload(source) else source
        doing = f": {how_far[0]}" if how_far[0] else ""
        return html.busy(f"Reading {what}{doing}.") if what else ""

    def _tell(self, error: EngineError) -> None:
        self.state.data_error = Notice.of(error)

    def _genes(self) -> Any:
        """The genes setting for new data, in which gene names of the old data mean nothing."""
        return self.state.genes if not isinstance(self.state.genes, tuple) else 2000

    def _ask(self, source: str, *, new: bool = False) -> None:
        state = self.state
        # A new upload may have the name of one that was deleted.
        if source == state.source and not new:
            self.runner.read()
            return
        again = source == state.source
        defaults = {name: state.param[name].default for name in CHOICES}
        state.offers = ()
        state.param.update(
            source=source,
            layer=None,
            genes=self._genes(),
            reference=None,
            library_size=None,
            gene_names=None,
            **defaults,
        )
        if again:
            self.runner.read()

    def _follow(self, *_events: object) -> None:
        """Show the settings of other data, for example of a run that was opened."""
        source, typed = self.state.source, (self._path.value or "").strip()
        try:
            same = self._folders.find(typed) == source
        except EngineError:
            same = False
        if not same:
            self._path.value = "" if self._is_hidden(source) else source

    def _is_hidden(self, source: str) -> bool:
        """Whether a source is not shown as a path: uploads have a list of their own."""
        return source == DEMO or self._is_upload(source)

    def _is_upload(self, source: str) -> bool:
        return Path(source).parent == self._folders.uploads

    def _offer(self, *_events: object) -> None:
        info, state = self.state.info, self.state
        if info is None:
            return
        layers = {f"automatic ({info.guess or 'none'})": ""}
        layers |= {f"{layer.name}: {layer.holds}": layer.name for layer in info.layers}
        sizes = {"sum over all genes": ""}
        sizes |= {column.name: column.name for column in info.columns if column.kind == "number"}
        # While one control is updated, the others still show choices for other data.
        self._following = True
        self._layer.param.update(options=layers, value=state.layer or "")
        self._size.param.update(options=sizes, value=state.library_size or "")
        names = {f"automatic ({_column(info.gene_names)})": ""}
        names |= {_column(name): name for name in (INDEX, *info.gene_columns)}
        current = state.gene_names or ""
        if current not in names.values():
            names[_column(current)] = current
        self._names.param.update(options=names, value=current)
        self._following = False

    def _choose(self, *_events: object) -> None:
        if self._following:
            return
        chosen = {
            "layer": self._layer.value or None,
            "library_size": self._size.value or None,
            "gene_names": self._names.value or None,
        }
        if any(getattr(self.state, name) != value for name, value in chosen.items()):
            self.state.param.update(**chosen)


def _column(name: str) -> str:
    return "the index" if name == INDEX else f"column {name}"
