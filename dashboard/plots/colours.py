"""Values of cells -> colours and their legend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from dashboard.plots.style import CATEGORICAL, DIVERGING_POINTS, MISSING, SEQUENTIAL, SHARES, Span

Index = np.ndarray | None


@dataclass(frozen=True)
class Colouring:
    """Colours of the cells and their legend; texts of single cells are made on request.

    Attributes
    ----------
    title
        The quantity with its unit; for labels, the name of their column.
    values
        (C,) codes of the labels (-1: missing), or numbers.
    labels
        Name, colour and number of cells of each label that occurs; empty for numbers.
    limits
        Values at the two ends of ``palette``; None for labels.
    palette
        Colours from low to high, or one for each code.
    names
        Names of the codes; empty for numbers.
    """

    title: str
    values: np.ndarray
    labels: tuple[tuple[str, str, int], ...] = ()
    limits: Span | None = None
    palette: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def colours(self, index: Index = None) -> np.ndarray:
        """(n,) "#rrggbb" of some cells, by default of all."""
        return np.array([*self.palette, MISSING])[self._positions_of(index)]

    def rgb(self, index: Index = None) -> np.ndarray:
        """(n, 3) uint8 colours of some cells, by default of all."""
        # Each colour as one number: a million of them are looked up in a millisecond.
        packed = np.take(self._table, self._positions_of(index))
        return packed.view(np.uint8).reshape(-1, 4)[:, :3]

    def words(self, index: Index = None) -> np.ndarray:
        """(n,) values as text."""
        values = self.values if index is None else self.values[index]
        if self.limits is None:
            return np.array([*self.names, "missing"], dtype=object)[values]
        return np.array(
            [f"{v:,.4g}" if np.isfinite(v) else "missing" for v in values.tolist()], dtype=object
        )

    def counts(self, selected: np.ndarray) -> list[int]:
        """How many of the selected cells, a (C,) mask, have each of ``labels``."""
        numbers = np.bincount(self._positions[selected], minlength=len(self.names) + 1)
        positions = {name: position for position, name in enumerate((*self.names, "missing"))}
        return [int(numbers[positions[name]]) for name, _, _ in self.labels]

    def take(self, index: np.ndarray) -> Colouring:
        """The colours of some of the cells, on the same scale."""
        part = replace(self, values=self.values[index])
        if self.limits is not None:
            return part
        return replace(part, labels=_present(part.values, self.names, self.palette))

    def _positions_of(self, index: Index) -> np.ndarray:
        return self._positions if index is None else self._positions[index]

    @cached_property
    def _positions(self) -> np.ndarray:
        """(C,) positions in the palette; the one after its end stands for missing values."""
        end = len(self.palette)
        if self.limits is None:
            return np.where(self.values < 0, end, self.values).astype(np.int16)
        low, high = self.limits
        finite = np.isfinite(self.values)
        known = np.where(finite, self.values, low)
        position = ((known - low) * ((end - 1) / (high - low))).round().clip(0, end - 1)
        return np.where(finite, position, end).astype(np.int16)

    @cached_property
    def _table(self) -> np.ndarray:
        text = "".join(f"{colour[1:]}ff" for colour in (*self.palette, MISSING))
        return np.frombuffer(bytes.fromhex(text), np.uint32)


def colour_labels(values: pd.Series, title: str) -> Colouring:
    """One colour a label, by the position of the label in the sorted (or categorical) order."""
    categorical = pd.Categorical(values)
    codes = np.asarray(categorical.codes)
    names = tuple(str(name) for name in categorical.categories)
    palette = tuple(CATEGORICAL[j % len(CATEGORICAL)] for j in range(len(names)))
    return Colouring(title, codes, _present(codes, names, palette), None, palette, names)


def _present(
    codes: np.ndarray, names: tuple[str, ...], palette: tuple[str, ...]
) -> tuple[tuple[str, str, int], ...]:
    # code -1 is counted first
    missing, *counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(names) + 1).tolist()
    labels = [(n, c, k) for n, c, k in zip(names, palette, counts, strict=True) if k]
    return (*labels, ("missing", MISSING, missing)) if missing else tuple(labels)


def colour_numbers(
    values: np.ndarray,
    title: str,
    *,
    diverging: bool = False,
    centre: float = 0.0,
    limits: Span | None = None,
) -> Colouring:
    """A perceptual map between the 1st and 99th percentile; symmetric about a centre if diverging.

    Without any value, all cells are labelled as missing.

    Parameters
    ----------
    centre
        Value of the grey middle of a diverging map.
    limits
        Ends of the map of a share, instead of percentiles.
    """
    values = np.asarray(values)
    if values.dtype.kind != "f":
        values = values.astype(float)
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    palette = DIVERGING_POINTS if diverging else SEQUENTIAL
    if limits is not None:
        palette, (low, high) = SHARES, limits
    elif not known.size:
        # A scale would have invented ends.
        return colour_labels(pd.Series([None] * len(values), dtype=object), title)
    elif diverging:
        half = float(np.quantile(np.abs(known - centre), 0.99)) or 1.0
        low, high = centre - half, centre + half
    else:
        low, high = (float(q) for q in np.quantile(known, [0.01, 0.99]))
        high = high if high > low else low + 1.0
    return Colouring(title, values, (), (low, high), tuple(palette))
