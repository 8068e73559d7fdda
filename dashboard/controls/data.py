"""1 Data: the demo or a path, and how to read it."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.controls.form import WIDE, beside, folded, select, step
from dashboard.runner import Runner
from dashboard.settings import DEMO
from dashboard.state import AppState


class DataControl(pn.viewable.Viewer):
    """Opens counts; says what is wrong with those that cannot be opened."""

    def __init__(self, state: AppState, runner: Runner) -> None:
        super().__init__()
        self.state = state
        self.runner = runner
        shown = "" if state.source == DEMO else state.source
        self._path = pmui.TextInput(
            label="Path of the counts",
            placeholder="/data/cells.h5ad",
            value=shown,
            helper_text="On the server: .h5ad, .zarr, 10x .h5 or folder",
            **WIDE,
        )
        self._path.param.watch(self._open, "enter_pressed")
        demo, open_ = (
            pmui.Button(label=label, on_click=action, variant="outlined", **WIDE)
            for label, action in (("Open demo", self._demo), ("Open path", self._open))
        )
        self._layer = select("Layer", "Which matrix holds the raw counts.")
        self._size = select("Library size", "Counts over all genes, for capture and totals.")
        self._layer.param.watch(self._choose, "value")
        self._size.param.watch(self._choose, "value")
        state.param.watch(self._offer, "info")
        self._offer()
        self._panel = step(
            1,
            "Data",
            self._path,
            beside(open_, demo),
            html.live(_reading, state.param.reading),
            html.live(html.notice, state.param.data_error),
            folded("Layer and library size", self._layer, self._size),
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _demo(self, *_events: object) -> None:
        self._path.value = ""
        self._ask(DEMO)

    def _open(self, *_events: object) -> None:
        self._ask((self._path.value_input or "").strip() or DEMO)

    def _ask(self, source: str) -> None:
        state = self.state
        if source == state.source:
            self.runner.read()
            return
        # Names of the old data mean nothing in the new.
        genes = state.genes if not isinstance(state.genes, tuple) else 2000
        state.param.update(
            source=source, layer=None, genes=genes, reference=None, library_size=None
        )

    def _offer(self, *_events: object) -> None:
        info, state = self.state.info, self.state
        if info is None:
            return
        layers = {f"automatic ({info.guess or 'none'})": ""}
        layers |= {f"{layer.name}: {layer.holds}": layer.name for layer in info.layers}
        sizes = {"sum over all genes": ""}
        sizes |= {column.name: column.name for column in info.columns if column.kind == "number"}
        self._layer.param.update(options=layers, value=state.layer or "")
        self._size.param.update(options=sizes, value=state.library_size or "")

    def _choose(self, *_events: object) -> None:
        chosen = {"layer": self._layer.value or None, "library_size": self._size.value or None}
        if any(getattr(self.state, name) != value for name, value in chosen.items()):
            self.state.param.update(**chosen)


def _reading(source: str) -> str:
    return html.busy(f"Reading {source}.") if source else ""
