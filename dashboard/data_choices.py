"""The choices of the sidebar that say which counts to read. Knows no Panel."""

from __future__ import annotations

from typing import Any

import param

from engine.data import DataRequest
from engine.data.choices import COLUMNS, OPTIONS, ROWS

CHOICES = tuple(OPTIONS)
REQUEST = ("source", "layer", "genes", "reference", "library_size", "gene_names", *CHOICES)


class DataChoices(param.Parameterized):
    """Which counts to read."""

    source = param.String(doc="Path of the counts, or 'demo'.")
    layer = param.String(default=None, allow_None=True, doc="Layer of counts; None guesses.")
    genes = param.Parameter(default=2000, doc="n most variable, 'all', or a tuple of names.")
    reference = param.String(default=None, allow_None=True, doc="ALR reference; None chooses.")
    library_size = param.String(default=None, allow_None=True, doc="Column of obs; None sums.")
    gene_names = param.String(
        default=None, allow_None=True, doc="Column of var, or 'index'; None looks for symbols."
    )
    sample = param.String(default=None, allow_None=True, doc="Of several samples of a folder.")
    genome = param.String(default=None, allow_None=True, doc="Of several; None joins them.")
    feature_type = param.String(default=None, allow_None=True, doc="None takes Gene Expression.")
    cells_in: Any = param.Selector(default=None, objects=[None, ROWS, COLUMNS])
    round = param.Boolean(default=False, doc="Whether to round corrected counts.")

    def request(self) -> DataRequest:
        """The data request of these choices."""
        return DataRequest(**{name: getattr(self, name) for name in REQUEST})
