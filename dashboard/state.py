"""AppState: what one session has chosen, shows and runs. Knows no Panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import param

from dashboard.cell_mask import Mode, combine
from dashboard.data_choices import DataChoices
from dashboard.gene_ids import called, ids_of
from dashboard.model_settings import ModelSettings
from engine.data import Counts, DataRequest, Offer, SourceInfo
from engine.errors import EngineError
from engine.registry import FAMILIES
from engine.results import OTHER, AnyFit

FITS = tuple(family.fit for family in FAMILIES)
FACTOR, TOTAL_COUNTS, CAPTURE = "factor", "total_counts", "capture_efficiency"
FACTOR_SD, CAPTURE_SD = "factor_sd", "capture_efficiency_sd"
LABEL, CLR, COUNTS = "label:", "clr:", "counts:"
MOST_MARKED, LONGEST_NAME = 6, 40
# Intervals of the bootstrap from fewer are rough, from more hardly better.
REPLICATES = (50, 200)


@dataclass(frozen=True)
class Notice:
    """Something that went wrong, told in three parts."""

    expected: str
    got: str
    remedy: str

    @classmethod
    def of(cls, error: BaseException) -> Notice:
        """An engine error keeps its parts; any other is reported as unexpected."""
        if isinstance(error, EngineError):
            return cls(error.expected, error.got, error.remedy)
        return cls(
            "no error inside the program",
            f"{type(error).__name__}: {error}",
            "The rest of the page still works. Please report this.",
        )


@dataclass(frozen=True)
class Embedding:
    """Two coordinates a cell. ``kind`` is "umap" or "factors"; ``key`` names the fit it shows."""

    xy: np.ndarray
    kind: str
    key: str


class AppState(DataChoices, ModelSettings):
    """Everything the controls and views of one session share."""

    # what was read
    loaded = param.ClassSelector(class_=DataRequest, allow_None=True, doc="What `counts` are.")
    info = param.ClassSelector(class_=SourceInfo, allow_None=True, doc="What `loaded` offers.")
    counts = param.ClassSelector(class_=Counts, allow_None=True)
    summary = param.Parameter(doc="CountsSummary of `counts`.")
    reading = param.String(doc="What is being read, empty when nothing is.")
    how_far = param.Parameter(default=("", 0.0), doc="What is done to it, and which share is.")
    offers = param.Parameter(default=(), doc="Choices of the source: of `engine.data.Offer`.")
    data_error = param.ClassSelector(class_=Notice, allow_None=True)
    brought = param.String(default=None, allow_None=True, doc="Run whose data `counts` are.")

    # what runs and what is shown
    runs = param.List(default=[], doc="JobStatus of every fit, newest first.")
    run = param.String(default=None, allow_None=True, doc="Id of the run that is shown.")
    status = param.Parameter(doc="JobStatus of the run that is shown.")
    run_error = param.ClassSelector(class_=Notice, allow_None=True)
    fit = param.ClassSelector(class_=FITS, allow_None=True, doc="Latest snapshot of that run.")
    names = param.List(default=[], doc="Names of its factors or topics, in order.")
    fit_requested = param.Boolean(default=False, doc="A fit is to start soon.")
    other = param.String(default=None, allow_None=True, doc="Run to compare with; None chooses.")
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

    # what is chosen; every view shows its reaction to all of it
    factor = param.Integer(
        default=None, allow_None=True, bounds=(0, None), doc="Position of a factor or topic."
    )
    marked = param.Parameter(default=(), doc="Names of the chosen genes, the latest first.")
    pair = param.Parameter(default=None, doc="(gene, gene) compared cell by cell, or None.")
    selected = param.Parameter(default=None, doc="(C,) mask of the selected cells, or None.")

    # how it is shown
    tab: Any = param.Selector(
        default="data", objects=["data", "explore", "topics", "groups", "check", "compare"]
    )
    colour = param.String(default="", doc="What colours the cells: a key of `colours()`.")
    own_label = param.String(doc="The label among those that a person chose; factors leave it.")
    heat: Any = param.Selector(default="top", objects=["top", "factor", "gene"], doc="Heatmap.")
    largest_fsos: Any = param.Selector(
        default=1.0,
        objects=[1.0, 0.2, 0.1, 0.05, 0.01],
        doc="Largest fsos of pairs in full colour.",
    )
    top_genes = param.Integer(default=100, bounds=(2, 1000), doc="How many.")
    detail: Any = param.Selector(
        default="gene", objects=["gene", "pair", "cells"], doc="Lower right."
    )

    _selected_of: pd.Index | None = None
    _ids: Mapping[str, str] = MappingProxyType({})

    @property
    def ready(self) -> bool:
        """Whether the loaded counts are those that the settings ask for."""
        return self.loaded is not None and not self.reading and self.loaded == self.request()

    def wait_for(self, offer: Offer, told: Notice) -> None:
        """Offer a choice that reading needs; settings and other choices stay as they are."""
        others = [o for o in self.offers if o.name != offer.name and getattr(self, o.name)]
        self.param.update(offers=(*others, offer), data_error=told, reading="")

    def colours(self) -> dict[str, str]:
        """Colourings of the cells of the shown fit: words -> key."""
        bare = self.fit is not None and not self.fit.n_factors
        options = ({} if bare else {f"Chosen {self.kind}": FACTOR}) | {"Total counts": TOTAL_COUNTS}
        if self.fit is None:
            return options
        if self.fit.can("weight_sd") and not bare:
            options["Sd of chosen factor"] = FACTOR_SD
        if self.fit.can("capture"):
            options["Capture efficiency"] = CAPTURE
            options["Sd of capture efficiency"] = CAPTURE_SD
        for gene in dict.fromkeys((*self.marked, *(self.pair or ()))):
            options[f"{gene} (CLR)"] = f"{CLR}{gene}"
            if self.fit_counts is not None:
                options[f"{gene} (counts)"] = f"{COUNTS}{gene}"
        for name in self.fit.obs.columns:
            words = f"{name} (label)" if name in options else str(name)
            options[words] = f"{LABEL}{name}"
        return options

    @property
    def is_topics(self) -> bool:
        """Whether the shown fit has topics, of which each cell is a mixture."""
        return self.fit is not None and self.fit.can("mixtures")

    @property
    def kind(self) -> str:
        """What a latent of the shown fit is called: ``factor`` or ``topic``."""
        return "factor" if self.fit is None else self.fit.latent

    @property
    def shown_factor(self) -> int:
        """The chosen factor, the first if none is."""
        return self.factor or 0

    def choose_factor(self, factor: int | None) -> None:
        """Choose a factor, or none; the heatmap follows, and the cells unless coloured by hand."""
        if self.fit is None or (factor is not None and not 0 <= factor < self.fit.n_factors):
            return
        if factor is None:
            heat = "top" if self.heat == "factor" else self.heat
            colour = default_colour(self.fit) if self.colour == FACTOR else self.colour
            self.param.update(factor=None, colour=colour, heat=heat)
        else:
            colour = (self.colour == self.own_label and self.colour) or FACTOR
            self.param.update(factor=factor, colour=colour, heat="factor")

    def choose_named(self, name: str) -> None:
        """Choose the factor or topic with a name, unless it is already shown."""
        if name in self.names and (factor := self.names.index(name)) != self.shown_factor:
            self.choose_factor(factor)

    def step_factor(self, by: int) -> None:
        """Choose the next factor, or the one before."""
        if self.fit is not None and self.fit.n_factors:
            here = -1 if self.factor is None and by > 0 else self.shown_factor
            self.choose_factor((here + by) % self.fit.n_factors)

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

    def choose_gene(self, gene: str, *, near: bool = False) -> None:
        """Mark a gene, by id or name, everywhere; ``near`` shows its neighbours in the heatmap."""
        if (gene := called(self.fit, gene) or OTHER) == OTHER:
            return
        marked = (gene, *(name for name in self.marked if name != gene))[:MOST_MARKED]
        self.param.update(marked=marked, detail="gene", heat="gene" if near else self.heat)

    def drop_gene(self, gene: str) -> None:
        """Take the mark off a gene."""
        marked = tuple(name for name in self.marked if name != gene)
        changes: dict[str, Any] = {"marked": marked}
        if not marked and self.heat == "gene":
            changes["heat"] = "top"
        if self.colour in (f"{CLR}{gene}", f"{COUNTS}{gene}") and gene not in (self.pair or ()):
            changes["colour"] = default_colour(self.fit) if self.fit is not None else ""
        self.param.update(**changes)

    def choose_pair(self, first: str, second: str) -> None:
        """Compare two genes; a gene with itself is only marked."""
        if first == second:
            self.choose_gene(first)
        elif self.has_gene(first) and self.has_gene(second):
            self.param.update(pair=(first, second), detail="pair")

    def select(self, mask: np.ndarray | None, mode: Mode = "replace") -> None:
        """Select cells, or add them to or take them from those selected."""
        selected = combine(self.selected, mask, mode)
        self._selected_of = self.fit.cells if self.fit is not None else None
        self.param.update(
            selected=selected, detail="cells" if selected is not None else self.detail
        )

    def has_gene(self, gene: str) -> bool:
        """Whether a gene is modelled by the shown fit."""
        return self.fit is not None and gene != OTHER and gene in self.fit.genes

    def show_run(self, run: str | None) -> None:
        """Show another run, and clear what was shown of the last one."""
        self.param.update(
            run=run,
            status=None,
            fit=None,
            names=[],
            fit_counts=None,
            embedding=None,
            partial="",
            placing="",
            uncertainty=None,
            uncertainty_progress="",
        )

    def show_fit(self, fit: AnyFit, **more: Any) -> None:
        """Show a (newer) snapshot, keeping the choices that still make sense."""
        more = {"names": fit.factor_names} | more
        # Another run may call genes by their ids, or by symbols where the last did by ids.
        genes = (*self.marked, *(self.pair or ()))
        now = {gene: called(fit, self._ids.get(gene, gene)) or called(fit, gene) for gene in genes}
        marked = tuple(name for gene in self.marked if (name := now[gene]) is not None)
        pair = tuple(now[gene] for gene in self.pair) if self.pair else (None,)
        self._ids = ids_of(fit)
        changes: dict[str, Any] = {"marked": marked, "pair": None if None in pair else pair}
        if self.factor is not None:
            changes["factor"] = min(self.factor, fit.n_factors - 1) if fit.n_factors else None
        if self.selected is not None and not _same(self._selected_of, fit.cells):
            changes["selected"] = None
        if not {"gene": marked, "factor": fit.n_factors}.get(self.heat, True):
            changes["heat"] = "top"
        with param.parameterized.batch_call_watchers(self):
            self.param.update(fit=fit, uncertainty=None, **changes, **more)
            if self.colour not in self.colours().values():
                self.colour = default_colour(fit)


def _same(before: pd.Index | None, after: pd.Index) -> bool:
    return before is after or (before is not None and before.equals(after))


def default_colour(fit: AnyFit) -> str:
    """The first label of few enough distinct values, else the factor, else the total counts."""
    for name in fit.obs.columns:
        column = fit.obs[name]
        if column.dtype.kind not in "fiu" and 1 < column.nunique() <= 40:
            return f"{LABEL}{name}"
    return FACTOR if fit.n_factors else TOTAL_COUNTS
