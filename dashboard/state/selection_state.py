"""SelectionState: the selected cells, and the labels that led to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import param

from dashboard.cell_mask import Mode, combine


class SelectionState(param.Parameterized):
    """The selected cells of the shown fit."""

    fit: Any
    detail: Any

    selected = param.Parameter(default=None, doc="(C,) mask of the selected cells, or None.")
    led_by = param.Parameter(default=None, doc="Labels that led to them; None: not known.")

    _selected_of: pd.Index | None = None

    def select(
        self,
        mask: np.ndarray | None,
        mode: Mode = "replace",
        *,
        led_by: tuple[str, ...] | None = None,
    ) -> None:
        """Select cells, or add them to or take them from those selected.

        Parameters
        ----------
        led_by
            Labels by which the cells are chosen, or whose colours are shown; None: not known.
        """
        if mode != "replace" and self.selected is not None:
            both = None not in (self.led_by, led_by)
            led_by = tuple(dict.fromkeys((*self.led_by, *(led_by or ())))) if both else None
        selected = combine(self.selected, mask, mode)
        self._selected_of = self.fit.cells if self.fit is not None else None
        detail = "cells" if selected is not None else self.detail
        self.param.update(selected=selected, led_by=led_by, detail=detail)
