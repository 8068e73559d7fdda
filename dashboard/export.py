"""Exports of a view: a figure and its data, and the files made of them."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from dashboard.state import AppState
from engine.results import AnyFit
from engine.spreadsheet import to_csv
from engine.summaries import with_ids
from engine.version import version

if TYPE_CHECKING:
    # Only an export waits for the import of matplotlib.
    from matplotlib.figure import Figure

Kind = Literal["png", "svg", "pdf", "csv"]
MEDIA = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "csv": "text/csv;charset=utf-8",
    "h5ad": "application/x-hdf5",
    "html": "text/html;charset=utf-8",
    "zip": "application/zip",
}
DPI = 300
PART = 4 * 2**20
LONGEST = 32


@dataclass(frozen=True)
class Export:
    """A figure and its data as shown. A thread makes both when the person asks for them.

    Attributes
    ----------
    name
        Stem of the files.
    draw
        The figure at publication size.
    table
        The data in it.
    of
        The fit that the view shows; in a hidden tab it may be older than the fit of the page.
    title, caption
        Words for a report.
    listed
        How many rows of the table a report shows.
    """

    name: str
    draw: Callable[[], Figure]
    table: Callable[[], pd.DataFrame]
    of: AnyFit | None = None
    title: str = ""
    caption: str = ""
    listed: int = 0


@dataclass(frozen=True)
class Provenance:
    """Where a figure comes from. ``data`` and ``run`` are names, ``made`` a date."""

    data: str = ""
    run: str = ""
    model: str = ""
    made: str = ""
    version: str = ""

    @classmethod
    def of(cls, state: AppState) -> Provenance:
        """Provenance of what the page shows now."""
        status, summary = state.status, state.summary
        read = summary.name if summary is not None else ""
        return cls.of_fit(state.fit, status.name if status is not None else "", read)

    @classmethod
    def of_fit(cls, fit: AnyFit | None, run: str = "", data: str = "") -> Provenance:
        """Provenance of a fit, or of no fit; ``data`` names the data if the fit does not."""
        return cls(
            data=str(fit.data.get("name", "")) or data if fit is not None else data,
            run=run,
            model=_model(fit) if fit is not None else "",
            made=datetime.now().astimezone().strftime("%d %B %Y"),
            version=version(),
        )

    @property
    def label(self) -> str:
        """Name of the run without the name of the data, its usual beginning."""
        return self.run.removeprefix(f"{self.data} · ")

    def __str__(self) -> str:
        tool = f"Logratio {self.version}".strip()
        parts = (self.data, self.label, self.model, self.made, tool)
        return " · ".join(dict.fromkeys(part for part in parts if part))


def _model(fit: AnyFit) -> str:
    unfinished = fit.status.state in ("stopped", "running")
    state = f", {fit.status.state}" if unfinished else ""
    latents = fit.vocabulary.latents
    return f"{fit.model.upper()}, {fit.n_factors} {latents}, {fit.status.passes} passes{state}"


def filename(provenance: Provenance, name: str, kind: str) -> str:
    """``logratio_<data>_<run>_<name>.<kind>``, safe on every system."""
    named = (provenance.data, provenance.label, name)
    parts = ("logratio", *(slug(part) for part in named))
    return f"{'_'.join(part for part in parts if part)}.{kind}"


def slug(text: str) -> str:
    """The ASCII letters and digits of a name, joined by hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower())[:LONGEST].strip("-")


def render(export: Export, kind: Kind, provenance: Provenance, fit: AnyFit | None = None) -> bytes:
    """The file of a figure or, for ``"csv"``, of its data with the ids that ``fit`` knows."""
    if kind == "csv":
        table = with_ids(export.table(), export.of or fit)
        return to_csv(table).encode("utf-8", "replace")
    return save(signed(export, provenance), export, kind, provenance)


def signed(export: Export, provenance: Provenance) -> Figure:
    """The figure, drawn anew, with where it comes from."""
    from dashboard.figures.sheet import sign

    figure = export.draw()
    sign(figure, str(provenance))
    return figure


def save(figure: Figure, export: Export, kind: Kind, provenance: Provenance) -> bytes:
    """The file of a figure that is drawn and `signed`."""
    from dashboard.figures.sheet import write

    words = f"{export.caption} {provenance}".strip()
    return write(figure, kind, DPI, export.name, words)


@contextmanager
def fit_file(path: Path, xy: np.ndarray | None, names: Sequence[str] = ()) -> Iterator[Path]:
    """The .h5ad of a fit, or a copy with coordinates ``xy`` and names of factors or topics.

    Coordinates go to ``obsm["X_umap"]``, the names that people gave to
    ``uns["logratio"]["factor_names"]``. Nothing else is read or written: ``X`` may be large.
    """
    if xy is None and not names:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="logratio-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            cells = next(iter(file["obsm"].values())).shape[0]
            if xy is not None and len(xy) == cells:
                ad.io.write_elem(file["obsm"], "X_umap", np.asarray(xy, np.float32))
            if names:
                ad.io.write_elem(file["uns/logratio"], "factor_names", json.dumps(list(names)))
        yield copy


def passes(path: Path) -> int:
    """Passes of a fit on disk; with the id of its run, they are the key of its UMAP."""
    with h5py.File(path, "r") as file:
        return int(json.loads(str(ad.io.read_elem(file["uns/logratio/status"])))["passes"])


def parts(path: Path) -> Iterator[bytes]:
    """A file, a few MB at a time."""
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part
