"""RunState: which run a session shows, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import param

from dashboard.state.notice import Notice
from engine.registry import FAMILIES
from engine.results import OTHER

FITS = tuple(family.fit for family in FAMILIES)
LONGEST_NAME = 40
# Bootstrap intervals from fewer replicates are rough; those from more are hardly better.
REPLICATES = (50, 200)


@dataclass(frozen=True)
class Embedding:
    """Two coordinates a cell. ``kind`` is "umap" or "factors"; ``key`` names the fit it shows."""

    xy: np.ndarray
    kind: str
    key: str


class RunState(param.Parameterized):
    """The runs of the server, the one that is shown, and its fit."""

    runs = param.List(default=[], doc="JobStatus of every fit, newest first.")
    run = param.String(default=None, allow_None=True, doc="Id of the run that is shown.")
    status = param.Parameter(doc="JobStatus of the run that is shown.")
    run_error = param.ClassSelector(class_=Notice, allow_None=True)
    fit = param.ClassSelector(class_=FITS, allow_None=True, doc="Latest snapshot of that run.")
    names = param.List(default=[], doc="Names of its factors or topics, in order.")
    fit_requested = param.Boolean(default=False, doc="A fit is to start soon.")
    other = param.String(default=None, allow_None=True, doc="Run to compare with; None chooses.")
    against = param.String(default="", doc="Run B of Groups, whose correlations are compared.")
    sweep = param.String(default=None, allow_None=True, doc="Id of the sweep that is shown.")
    swept = param.Parameter(doc="Present result of that sweep: an `engine.checks.Sweep`.")
    partial = param.String(doc="Progress of a fit that is still running, else empty.")
    embedding = param.ClassSelector(class_=Embedding, allow_None=True)
    placing = param.String(doc="Progress of the UMAP; empty if none is being computed.")
    fit_counts = param.Parameter(doc="(C, G) sparse columns of the fit's counts, if it has them.")

    uncertainty = param.Parameter(doc="Uncertainty of the shown fit, if computed.")
    uncertainty_method: Any = param.Selector(
        default="", objects=["", "delta", "bootstrap"], doc="Method of the job to start."
    )
    n_boot: Any = param.Selector(default=50, objects=list(REPLICATES), doc="Replicates.")
    uncertainty_progress = param.String(doc="Progress of that job; empty if there is none.")
    exports = param.Dict(
        default={}, instantiate=True, doc="Exports of the views: name -> function that returns one."
    )

    @property
    def is_topics(self) -> bool:
        """Whether the shown fit has topics, of which each cell is a mixture."""
        return self.fit is not None and self.fit.can("mixtures")

    @property
    def kind(self) -> str:
        """Word for a latent of the shown fit: ``factor`` or ``topic``."""
        return "factor" if self.fit is None else self.fit.latent

    def has_gene(self, gene: str) -> bool:
        """Whether a gene is modelled by the shown fit."""
        return self.fit is not None and gene != OTHER and gene in self.fit.genes

    def rename_factor(self, factor: int, name: str) -> None:
        """Rename a factor or topic; an empty name restores the default."""
        if self.fit is None or not 0 <= factor < len(self.names):
            return
        new_name = " ".join(name.split()) or self.fit.default_names[factor]
        others = [*self.names[:factor], *self.names[factor + 1 :]]
        wrong = None
        if self.partial:
            wrong = Notice("a fit that has ended", self.partial, "Give names once it has ended.")
        elif len(new_name) > LONGEST_NAME:
            length = f"{len(new_name)} characters"
            wrong = Notice(f"a name of at most {LONGEST_NAME} characters", length, "Shorten it.")
        elif new_name in others:
            other = f"{new_name!r}, the name of {self.kind} {self.names.index(new_name) + 1}"
            wrong = Notice("a name that no other has", other, "Choose another name.")
        self.run_error = wrong
        if wrong is None:
            self.names = [*self.names[:factor], new_name, *self.names[factor + 1 :]]
