"""Values of cells -> colours and what a legend needs to say about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.plots.style import CATEGORICAL, DIVERGING_POINTS, MISSING, SEQUENTIAL, Span


@dataclass(frozen=True)
class Colouring:
    """Colours of the cells and their legend.

    Attributes
    ----------
    title
        What is shown, with its unit.
    colours
        (C,) "#rrggbb".
    words
        (C,) the value of each cell as text, for hovering.
    labels
        Name, colour and number of cells of each label; empty for numbers.
    limits
        Values at the two ends of ``palette``; None for labels.
    values
        (C,) codes of the labels (-1: missing), or numbers.
    """

    title: str
    colours: np.ndarray
    words: np.ndarray
    values: np.ndarray
    labels: tuple[tuple[str, str, int], ...] = ()
    limits: Span | None = None
    palette: tuple[str, ...] = ()


def colour_labels(values: pd.Series, title: str) -> Colouring:
    """One colour a label, by the label's place in the sorted (or categorical) order."""
    categorical = pd.Categorical(values)
    codes = np.asarray(categorical.codes)
    names = [str(name) for name in categorical.categories]
    palette = [CATEGORICAL[j % len(CATEGORICAL)] for j in range(len(names))]
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    labels = [(n, c, int(k)) for n, c, k in zip(names, palette, counts, strict=True) if k]
    if (missing := int((codes < 0).sum())) > 0:
        labels.append(("missing", MISSING, missing))
    lookup = np.array([*palette, MISSING])
    words = np.array([*names, "missing"], dtype=object)
    return Colouring(title, lookup[codes], words[codes], codes, tuple(labels))


def colour_numbers(values: np.ndarray, title: str, *, diverging: bool = False) -> Colouring:
    """A perceptual map between the 1st and 99th percentile; symmetric about 0 if diverging."""
    values = np.asarray(values, dtype=float)
    known = values[np.isfinite(values)]
    palette = DIVERGING_POINTS if diverging else SEQUENTIAL
    if not known.size:
        low, high = 0.0, 1.0
    elif diverging:
        high = float(np.quantile(np.abs(known), 0.99)) or 1.0
        low = -high
    else:
        low, high = (float(q) for q in np.quantile(known, [0.01, 0.99]))
        high = high if high > low else low + 1.0
    position = np.nan_to_num((values - low) / (high - low)).clip(0, 1)
    lookup = np.array([*palette, MISSING])
    index = np.where(np.isfinite(values), (position * (len(palette) - 1)).round(), len(palette))
    words = np.array([f"{v:,.4g}" if np.isfinite(v) else "missing" for v in values], dtype=object)
    return Colouring(
        title, lookup[index.astype(int)], words, values, (), (low, high), tuple(palette)
    )
