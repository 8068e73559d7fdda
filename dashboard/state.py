"""AppState: what is chosen, shown and running in one session. Knows no Panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import param

from engine.config import MAX_FACTORS, CapturePrior, DMode, LNMConfig
from engine.data import Counts, DataRequest, SourceInfo
from engine.errors import EngineError
from engine.results import Fit

FACTOR = "factor"
TOTAL_COUNTS = "total_counts"
CAPTURE = "capture_efficiency"
LABEL = "label:"
REQUEST = ("source", "layer", "genes", "reference", "library_size")


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


class AppState(param.Parameterized):
    """Everything the controls and views of one session share."""

    # what to read
    source = param.String(doc="Path of the counts, or 'demo'.")
    layer = param.String(default=None, allow_None=True, doc="Layer of counts; None guesses.")
    genes = param.Parameter(default=2000, doc="n most variable, 'all', or a tuple of names.")
    reference = param.String(default=None, allow_None=True, doc="ALR reference; None chooses.")
    library_size = param.String(default=None, allow_None=True, doc="Column of obs; None sums.")

    # what was read
    loaded = param.ClassSelector(class_=DataRequest, allow_None=True, doc="What `counts` are.")
    info = param.ClassSelector(class_=SourceInfo, allow_None=True, doc="What `loaded` offers.")
    counts = param.ClassSelector(class_=Counts, allow_None=True)
    summary = param.Parameter(doc="CountsSummary of `counts`.")
    reading = param.String(doc="What is being read, empty when nothing is.")
    data_error = param.ClassSelector(class_=Notice, allow_None=True)

    # what to fit
    capture = param.Boolean(default=True)
    n_factors = param.Integer(default=10, bounds=(1, MAX_FACTORS))
    d_mode: Any = param.Selector(default="learned", objects=list(get_args(DMode)))
    capture_prior: Any = param.Selector(default="anchored", objects=list(get_args(CapturePrior)))
    molecules = param.Number(default=2e5, bounds=(1, None))
    capture_sd = param.Number(default=0.5, bounds=(0.01, 5))
    seed = param.Integer(default=0, bounds=(0, 2**32 - 1))

    # what runs and what is shown
    runs = param.List(default=[], doc="JobStatus of every fit, newest first.")
    run = param.String(default=None, allow_None=True, doc="Id of the run that is shown.")
    status = param.Parameter(doc="JobStatus of the run that is shown.")
    run_error = param.ClassSelector(class_=Notice, allow_None=True)
    fit = param.ClassSelector(class_=Fit, allow_None=True, doc="Latest snapshot of that run.")
    fit_asked = param.Boolean(default=False, doc="A fit is to start soon.")
    partial = param.String(doc="How far a fit that is still running has come, else empty.")
    embedding = param.ClassSelector(class_=Embedding, allow_None=True)

    # what is chosen
    factor = param.Integer(default=0, bounds=(0, None), doc="Position of the chosen factor.")
    colour = param.String(default="", doc="What colours the cells: a key of `colours()`.")
    top_genes = param.Integer(default=100, bounds=(2, 1000), doc="Genes in the heatmap.")

    def request(self) -> DataRequest:
        """The counts that are asked for."""
        return DataRequest(**{name: getattr(self, name) for name in REQUEST})

    @property
    def ready(self) -> bool:
        """Whether the counts that are asked for are the ones that are loaded."""
        return self.loaded is not None and not self.reading and self.loaded == self.request()

    def config(self) -> LNMConfig:
        """The model that is asked for.

        Raises
        ------
        ConfigError
            If a setting is out of range.
        """
        return LNMConfig(
            capture=self.capture,
            n_factors=self.n_factors,
            d_mode=self.d_mode,
            seed=self.seed,
            capture_prior=self.capture_prior,
            molecules=float(self.molecules),
            capture_sd=float(self.capture_sd),
        )

    def colours(self) -> dict[str, str]:
        """What may colour the cells of the shown fit: words -> key."""
        options = {"Chosen factor": FACTOR, "Total counts": TOTAL_COUNTS}
        if self.fit is None:
            return options
        if self.fit.capture is not None:
            options["Capture efficiency"] = CAPTURE
        for name in self.fit.obs.columns:
            words = f"{name} (label)" if name in options else str(name)
            options[words] = f"{LABEL}{name}"
        return options

    def choose_factor(self, factor: int) -> None:
        """Choose a factor: the cells take its colour, the bars its genes."""
        if self.fit is None or not 0 <= factor < self.fit.n_factors:
            return
        self.param.update(factor=factor, colour=FACTOR)

    def show_run(self, run: str | None) -> None:
        """Show another run; what was shown of the old one goes."""
        self.param.update(run=run, status=None, fit=None, embedding=None, partial="")

    def show_fit(self, fit: Fit, **more: Any) -> None:
        """Show a (newer) snapshot, keeping the choices that still make sense."""
        factor = min(self.factor, fit.n_factors - 1)
        self.param.update(fit=fit, factor=factor, **more)
        if self.colour not in self.colours().values():
            self.colour = default_colour(fit)


def default_colour(fit: Fit) -> str:
    """The first label of few enough distinct values, else the factor."""
    for name in fit.obs.columns:
        column = fit.obs[name]
        if column.dtype.kind not in "fiu" and 1 < column.nunique() <= 40:
            return f"{LABEL}{name}"
    return FACTOR
