"""What a view offers to be taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Export:
    """A figure and its data, as they stand. Both are made in a thread, when asked for.

    Attributes
    ----------
    name
        Stem of the files.
    draw
        The figure at publication size.
    table
        The data in it.
    """

    name: str
    draw: Callable[[], Figure]
    table: Callable[[], pd.DataFrame]
