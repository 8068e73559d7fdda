"""Which layer holds raw counts: the one named, or the most plausible by a look at its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.data.border import shorten
from engine.data.matrices import Matrix
from engine.data.tables import Layer, Table
from engine.errors import DataError

COUNT_NAMES = ("counts", "raw_counts", "count", "umi", "umis", "umi_counts")
WHOLE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Look:
    """Verdict on a sample of a layer's values: whether they may be counts, and why."""

    is_counts: bool
    text: str
    is_binary: bool = False


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """A layer, its name, why it, and where counts are should this one hold none."""

    name: str
    layer: Layer
    reason: str
    remedy: str


def look_at(matrix: Matrix) -> Look:
    """Judge a layer by values from its start, middle and end."""
    values = matrix.sample()
    finite = np.isfinite(values)
    if not values.any():
        return Look(False, "only zeros")
    if not finite.all():
        return Look(False, "NaN or infinite values")
    if (values < 0).any():
        return Look(False, "negative values, which look scaled")
    if (np.abs(values - np.rint(values)) > WHOLE_TOLERANCE).any():
        kind = "log-normalised" if values.max() < 20 else "normalised"
        return Look(False, f"fractions, which look {kind}")
    if values.max() <= 1:
        return Look(True, "only zeros and ones", is_binary=True)
    return Look(True, "whole numbers")


def choose_layer(table: Table, layer: str | None) -> LayerChoice:
    """The layer asked for, or the one that most likely holds raw counts.

    Names for counts come first, then X, raw and the others; layers of zeros and ones last.

    Raises
    ------
    DataError
        If there is no such layer, or none looks like counts.
    """
    looks = {name: look_at(found.matrix) for name, found in table.layers.items()}
    plausible = sorted(
        (name for name, look in looks.items() if look.is_counts),
        key=lambda name: (looks[name].is_binary, _rank(name)),
    )
    if layer is not None:
        name = _named(table, layer)
        others = [other for other in plausible if other != name]
        return LayerChoice(name, table.layers[name], f"Read {name}, as asked.", _remedy(others))
    found = "; ".join(f"{shorten(name)} holds {look.text}" for name, look in looks.items())
    if not plausible:
        raise DataError(
            "raw counts (whole numbers, none negative) in X, raw or a layer",
            found,
            _remedy([]),
        )
    name = plausible[0]
    reason = f"Read {shorten(name)}, which holds {looks[name].text}"
    rest = [f"{shorten(other)} holds {looks[other].text}" for other in looks if other != name]
    return LayerChoice(
        name,
        table.layers[name],
        f"{reason} ({'; '.join(rest)})." if rest else f"{reason}.",
        _remedy(plausible[1:]),
    )


def _named(table: Table, layer: str) -> str:
    for name in (layer, layer.removeprefix("layers/")):
        if name in table.layers:
            return name
    raise DataError(
        f"a layer among {', '.join(shorten(name) for name in table.layers)}",
        repr(shorten(layer)),
        "Choose one of them, or leave the choice to the program.",
    )


def _rank(name: str) -> int:
    if name.lower() in COUNT_NAMES:
        return 0
    return {"X": 1, "raw": 2}.get(name, 3)


def _remedy(holding_counts: list[str]) -> str:
    if holding_counts:
        places = " or ".join(
            name if name in ("X", "raw") else f"layers[{shorten(name)!r}]"
            for name in holding_counts
        )
        return f"Raw counts seem to be in {places}: choose that layer."
    return (
        "Read the file as it was before normalisation, or keep its raw counts in layers['counts']."
    )
