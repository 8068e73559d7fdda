"""Names, colours and numbers of cells of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from dashboard.figures.sheet import POINT, QUIET, SMALL, clean, cleaned, place, wide
from dashboard.plots.colours import Colouring

ROW, HEAD, ROWS = 3.3, 5.0, 22
DOT, APART = 4.0, 4.0
# Widest name, millimetres, by the number of columns.
WIDEST = {1: 44.0, 2: 34.0, 3: 26.0, 4: 20.0}
# Further labels are only counted: nobody can tell so many colours apart.
MOST = ROWS * len(WIDEST)


@dataclass(frozen=True)
class _Row:
    name: str
    colour: str
    cells: str

    @property
    def width(self) -> float:
        return DOT + wide(self.name, SMALL) + 1.5 + wide(self.cells, SMALL)


class Legend:
    """Lines of labels, in columns; ``width`` is the room they take, millimetres."""

    def __init__(self, colouring: Colouring, selected: np.ndarray | None) -> None:
        labels = colouring.labels
        counts = [cells for _, _, cells in labels]
        words = [f"{cells:,}" for cells in counts]
        if selected is not None:
            selected_counts = colouring.counts(selected)
            words = [
                f"{few:,} of {all_:,}" for few, all_ in zip(selected_counts, counts, strict=True)
            ]
        shown = labels[: MOST - 1] if len(labels) > MOST else labels
        most = WIDEST[max(1, -(-len(shown) // ROWS))]
        names = cleaned([name for name, _, _ in shown], most, SMALL)
        rows = [
            _Row(name, colour, cells)
            for name, (_, colour, _), cells in zip(names, shown, words, strict=False)
        ]
        if len(shown) < len(labels):
            rows.append(_Row(f"and {len(labels) - len(shown):,} more", "none", ""))
        self._columns = [rows[a : a + ROWS] for a in range(0, len(rows), ROWS)]
        total = "cells" if selected is None else "selected of all cells"
        self._title = f"{clean(colouring.title, most, SMALL)} ({total})"
        self._widths = widths = [max(row.width for row in part) for part in self._columns]
        self.width = max(sum(widths) + APART * max(len(widths) - 1, 0), wide(self._title, SMALL))

    def draw(self, figure: Figure, left: float, top: float, height: float) -> None:
        """Place it at a distance from the left and the top of the sheet, millimetres."""
        axes = place(figure, left, top, self.width, height)
        axes.set(xlim=(0, self.width), ylim=(height, 0))
        axes.set_axis_off()
        axes.text(0, 0.3, self._title, size=SMALL, color=QUIET, va="top")
        x = 0.0
        for column, width in zip(self._columns, self._widths, strict=True):
            y = HEAD + ROW * (np.arange(len(column)) + 0.5)
            colours = [row.colour for row in column]
            axes.scatter(np.full(len(y), x + 1), y, s=(2 * POINT) ** 2, c=colours, linewidths=0)
            for row, at in zip(column, y, strict=True):
                axes.text(x + DOT, at, row.name, size=SMALL, va="center_baseline")
                axes.text(
                    x + DOT + wide(row.name, SMALL) + 1.5,
                    at,
                    row.cells,
                    size=SMALL,
                    color=QUIET,
                    va="center_baseline",
                )
            x += width + APART
