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
# Intervals of the bootstrap from fewer are rough, from more hardly better.
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
    against = param.String(default="", doc="Run B: whose correlations Groups holds against.")
    sweep = param.String(default=None, allow_None=True, doc="Id of the sweep that is shown.")
    swept = param.Parameter(doc="That sweep as it stands: an `engine.checks.Sweep`.")
    partial = param.String(doc="How far a fit that is still running has come, else empty.")
    embedding = param.ClassSelector(class_=Embedding, allow_None=True)
    placing = param.String(doc="How far the UMAP has come, empty when none is computed.")
    fit_counts = param.Parameter(doc="(C, G) sparse columns of the fit's counts, if it has them.")

    uncertainty = param.Parameter(doc="Of the shown fit, if worked out: `engine.checks`.")
    uncertainty_method: Any = param.Selector(
        default="", objects=["", "delta", "bootstrap"], doc="How it is to be worked out, soon."
    )
    n_boot: Any = param.Selector(default=50, objects=list(REPLICATES), doc="Of the bootstrap.")
    uncertainty_progress = param.String(
        doc="How far that has come, empty when nothing is worked out."
    )
    exports = param.Dict(
        default={}, instantiate=True, doc="What views can export: name -> function that offers it."
    )

    @property
    def is_topics(self) -> bool:
        """Whether the shown fit has topics, of which each cell is a mixture."""
        return self.fit is not None and self.fit.can("mixtures")

    @property
    def kind(self) -> str:
        """What a latent of the shown fit is called: ``factor`` or ``topic``."""
        return "factor" if self.fit is None else self.fit.latent

    def has_gene(self, gene: str) -> bool:
        """Whether a gene is modelled by the shown fit."""
        return self.fit is not None and gene != OTHER and gene in self.fit.genes

    def rename_factor(self, factor: int, name: str) -> None:
        """Rename a factor or topic; an empty name restores the default."""
        if self.fit is None or not 0 <= factor < len(self.names):
            return
        told = " ".join(name.split()) or self.fit.default_names[factor]
        others = [*self.names[:factor], *self.names[factor + 1 :]]
        wrong = None
        if self.partial:
            wrong = Notice("a fit that has ended", self.partial, "Give names once it has ended.")
        elif len(told) > LONGEST_NAME:
            found = f"{len(told)} characters"
            wrong = Notice(f"a name of at most {LONGEST_NAME} characters", found, "Shorten it.")
        elif told in others:
            other = f"{told!r}, the name of {self.kind} {self.names.index(told) + 1}"
            wrong = Notice("a name that no other has", other, "Choose another name.")
        self.run_error = wrong
        if wrong is None:
            self.names = [*self.names[:factor], told, *self.names[factor + 1 :]]
