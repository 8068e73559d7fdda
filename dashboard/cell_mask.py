"""Selected cells: combines the mask of the drawn outline with the last selection."""

from __future__ import annotations

from typing import Literal

import numpy as np

Mode = Literal["replace", "add", "subtract"]


def combine(before: np.ndarray | None, drawn: np.ndarray | None, mode: Mode) -> np.ndarray | None:
    """The new selection; None when it is empty.

    Parameters
    ----------
    before, drawn
        (C,) masks; None selects nothing.
    """
    if drawn is None:
        return None if mode == "replace" else before
    if mode == "replace" or before is None:
        result = drawn & False if mode == "subtract" else drawn
    elif mode == "add":
        result = before | drawn
    else:
        result = before & ~drawn
    return result if result.any() else None
