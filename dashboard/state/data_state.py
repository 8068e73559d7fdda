"""DataState: which counts a session reads, and what it has read."""

from __future__ import annotations

from typing import Any

import param

from dashboard.state.notice import Notice
from engine.data import Counts, DataRequest, Offer, SourceInfo
from engine.data.choices import COLUMNS, OPTIONS, ROWS

CHOICES = tuple(OPTIONS)
REQUEST = ("source", "layer", "genes", "reference", "library_size", "gene_names", *CHOICES)


class DataState(param.Parameterized):
    """The counts to read, as set in the sidebar, and those that were read."""

    source = param.String(doc="Path of the counts, or 'demo'.")
    layer = param.String(default=None, allow_None=True, doc="Layer of counts; None guesses.")
    genes = param.Parameter(default=2000, doc="n most variable, 'all', or a tuple of names.")
    reference = param.String(default=None, allow_None=True, doc="ALR reference; None chooses.")
    library_size = param.String(default=None, allow_None=True, doc="Column of obs; None sums.")
    gene_names = param.String(
        default=None, allow_None=True, doc="Column of var, or 'index'; None looks for symbols."
    )
    sample = param.String(default=None, allow_None=True, doc="Which of several samples.")
    genome = param.String(default=None, allow_None=True, doc="Which of several; None joins all.")
    feature_type = param.String(default=None, allow_None=True, doc="None takes Gene Expression.")
    cells_in: Any = param.Selector(default=None, objects=[None, ROWS, COLUMNS])
    round = param.Boolean(default=False, doc="Whether to round corrected counts.")

    loaded = param.ClassSelector(class_=DataRequest, allow_None=True, doc="Request of `counts`.")
    info = param.ClassSelector(class_=SourceInfo, allow_None=True, doc="What `loaded` offers.")
    counts = param.ClassSelector(class_=Counts, allow_None=True)
    summary = param.Parameter(doc="CountsSummary of `counts`.")
    reading = param.String(doc="Source that is being read, else empty.")
    how_far = param.Parameter(default=("", 0.0), doc="Step of reading, and the share done.")
    offers = param.Parameter(default=(), doc="`engine.data.Offer` of each choice of the source.")
    data_error = param.ClassSelector(class_=Notice, allow_None=True)
    brought = param.String(default=None, allow_None=True, doc="Run whose data `counts` are.")

    def request(self) -> DataRequest:
        """The data request of these choices."""
        return DataRequest(**{name: getattr(self, name) for name in REQUEST})

    @property
    def ready(self) -> bool:
        """Whether the loaded counts are those of the settings."""
        return self.loaded is not None and not self.reading and self.loaded == self.request()

    def wait_for(self, offer: Offer, notice: Notice) -> None:
        """Offer a choice that reading needs; settings and other choices stay unchanged."""
        others = [o for o in self.offers if o.name != offer.name and getattr(self, o.name)]
        self.param.update(offers=(*others, offer), data_error=notice, reading="")
