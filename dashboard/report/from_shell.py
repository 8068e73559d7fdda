"""A report without a page, for ``python -m engine report``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import h5py
import numpy as np

from dashboard.bare import is_bare
from dashboard.embedding import FEWEST_CELLS
from dashboard.report.bundle import write_bundle
from dashboard.report.document import OnProgress, document
from dashboard.report.figures import complete
from dashboard.report.subject import Subject
from dashboard.umap_layout import umap_layout
from engine import summaries
from engine.jobs import JobStatus, check_file, factor_names
from engine.jobs.store import RunStore, is_run
from engine.results import AnyFit, load


def write(
    path: Path,
    out: Path,
    *,
    bundle: Path | None = None,
    data: str | None = None,
    umap: bool = True,
    on_progress: OnProgress = lambda _words: None,
) -> None:
    """Write the report of a saved fit, and maybe its figures and tables as a zip.

    If the fit is in the folder of its run, the report has the request, the score on held-out cells
    and the names of factors or topics that are saved there. It has the check that is saved beside
    any fit.

    Parameters
    ----------
    data
        Present path of the counts, for the command that repeats the fit.
    umap
        Whether cells are shown by a UMAP; it takes a while unless the file has one.
    on_progress
        Called with words on the progress.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    fit, status = load(path), _status(path)
    given = factor_names.read(path.parent, fit.status.passes) if status is not None else ()
    check = check_file.latest(
        path.parent,
        fit.status.passes,
        file=check_file.name_of(path),
        fit=check_file.digest(fit),
    )
    subject = Subject.of(fit, status, names=given, check=check, source=data)
    if not subject.provenance.run:
        subject = replace(subject, provenance=replace(subject.provenance, run=path.stem))
    figures = complete(subject.fit, {}, _coordinates(path, fit, on_progress) if umap else None)
    out.write_bytes(document(subject, figures, on_progress))
    if bundle is not None:
        write_bundle(bundle, subject, figures, on_progress)


def _status(path: Path) -> JobStatus | None:
    """The status of the run whose folder has the fit; None if there is none."""
    folder = path.resolve().parent
    return RunStore(folder.parents[1]).read(folder.name) if is_run(folder) else None


def _coordinates(path: Path, fit: AnyFit, on_progress: OnProgress) -> np.ndarray | None:
    """UMAP of the file, else a new one; None for too few cells or a single topic."""
    with h5py.File(path, "r") as file:
        known = file.get("obsm/X_umap")
        if known is not None:
            return np.asarray(ad.io.read_elem(known))[:, :2]
    if (
        is_bare(fit)
        or len(fit.cells) < FEWEST_CELLS
        or (fit.n_factors == 1 and fit.can("mixtures"))
    ):
        return None
    return umap_layout(
        summaries.coordinates(fit), lambda _share, words: on_progress(words[:1].upper() + words[1:])
    )
