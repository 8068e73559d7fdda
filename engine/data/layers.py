"""Chooses the layer of raw counts: the one named, or the most plausible by its values."""

from __future__ import annotations

from dataclasses import dataclass

from engine.data.choices import ChoiceNeeded, Choices, Offer, how_to
from engine.data.looks import CORRECTED, Look, look_at
from engine.data.parts import PLUS, is_part, parts_in, same_counts, summed, words
from engine.data.reader_errors import shorten
from engine.data.tables import Layer, Table
from engine.errors import DataError

COUNT_NAMES = ("counts", "raw_counts", "count", "umi", "umis", "umi_counts")


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """A layer, its name, why it was chosen, what to do if it holds no counts, and warnings."""

    name: str
    layer: Layer
    reason: str
    remedy: str
    warnings: tuple[str, ...] = ()


def choose_layer(table: Table, layer: str | None, choices: Choices | None = None) -> LayerChoice:
    """The named layer, or the one that most likely holds raw counts.

    Layers named as counts come first, then X, raw and the others; zeros and ones come last. A
    part of the counts, such as spliced, is taken only if there is nothing else.

    Raises
    ------
    DataError
        If there is no such layer, or none looks like counts.
    ChoiceNeeded
        If there are corrected counts alone, and they are not to be rounded.
    """
    rounding = choices is not None and choices.round
    looks = {name: look_at(stored.matrix) for name, stored in table.layers.items()}
    parts = parts_in(table)
    plausible = sorted(
        (name for name, look in looks.items() if look.is_counts),
        key=lambda name: (looks[name].is_binary, name in parts, _rank(name)),
    )
    if layer is not None:
        name, named_layer = _named(table, layer)
        others = [other for other in plausible if other != name]
        look = looks.get(name) or look_at(named_layer.matrix)
        _check_fractions(name, look, others, rounding=rounding)
        return LayerChoice(name, named_layer, f"Read {name}, as asked.", _remedy(others))
    contents = "; ".join(f"{shorten(name)} holds {look.text}" for name, look in looks.items())
    if not plausible:
        corrected = sorted((n for n, k in looks.items() if k.kind == CORRECTED), key=_rank)
        if corrected and rounding:
            name = corrected[0]
            reason = f"Read {shorten(name)}, which holds {looks[name].text}; they were rounded."
            return LayerChoice(name, table.layers[name], reason, _remedy([]))
        if corrected:
            raise _corrected_error(contents)
        raise DataError(
            "raw counts (whole numbers, none negative) in X, raw or a layer",
            contents,
            _remedy([]),
        )
    passed = {}
    # A copy of a part gives way to the sum of the parts; a single part has no such sum.
    while len(parts) > 1 and plausible[0] not in parts and PLUS not in plausible[0]:
        part = is_part(table, plausible[0])
        if part is None:
            break
        passed[plausible.pop(0)] = part
    name = plausible[0]
    reason = f"Read {shorten(name)}, which holds {looks[name].text}"
    rest = [f"{shorten(other)} holds {looks[other].text}" for other in looks if other != name]
    return LayerChoice(
        name,
        table.layers[name],
        f"{reason} ({'; '.join(rest)})." if rest else f"{reason}.",
        _remedy(plausible[1:]),
        _warnings(table, name, parts, plausible, passed),
    )


def _warnings(
    table: Table, name: str, parts: list[str], plausible: list[str], passed: dict[str, str]
) -> tuple[str, ...]:
    messages = [
        f"{shorten(other)} was passed over: it holds the {part} counts alone."
        for other, part in passed.items()
    ]
    if PLUS in name and name not in parts:
        messages.append(f"The counts are the sum of the layers {words(name.split(PLUS))}.")
    elif name in parts:
        messages.append(
            f"{shorten(name)} is a part of the counts alone; the file holds no other to add."
        )
    own = [o for o in plausible if o != name and o not in parts and PLUS not in o]
    # The sum of known parts is certain; otherwise the choice between two layers is a guess.
    others = [o for o in own if not same_counts(table.layers[name], table.layers[o])]
    if others and not passed:
        messages.append(
            f"{words(others)} {'holds' if len(others) == 1 else 'hold'} other whole numbers than "
            f"{shorten(name)}, which was taken for the counts: choose by --layer (on the page: "
            "Layer)."
        )
    return tuple(messages)


def _check_fractions(name: str, look: Look, others: list[str], *, rounding: bool) -> None:
    if look.is_counts or (look.kind == CORRECTED and rounding):
        return
    if look.kind == CORRECTED:
        raise _corrected_error(f"{shorten(name)} holds {look.text}")
    if rounding and look.kind:
        raise DataError("counts to round", f"{shorten(name)} holds {look.text}", _remedy(others))


def _corrected_error(contents: str) -> ChoiceNeeded:
    return ChoiceNeeded(
        "raw counts (whole numbers, none negative) in X, raw or a layer",
        contents,
        f"Read the uncorrected matrix, or round these by {how_to('round')}.",
        Offer("round", ("yes",)),
    )


def _named(table: Table, layer: str) -> tuple[str, Layer]:
    for name in (layer, layer.removeprefix("layers/")):
        if name in table.layers:
            return name, table.layers[name]
    added = [part.strip() for part in layer.split("+")]
    if len(added) > 1 and all(part in table.layers for part in added):
        return PLUS.join(added), summed(table, added)
    raise DataError(
        f"a layer among {', '.join(shorten(name) for name in table.layers)}",
        repr(shorten(layer)),
        "Choose one of them, or leave the choice to the program.",
    )


def _rank(name: str) -> float:
    if name.lower() in COUNT_NAMES:
        return 0
    # The matrix of a velocity file is the sum of its parts.
    return {"X": 1, "raw": 2, "matrix": 2.5}.get(name, 2.7 if PLUS in name else 3)


def _remedy(holding_counts: list[str]) -> str:
    if holding_counts:
        layers = " or ".join(
            name if name in ("X", "raw") else f"layers[{shorten(name)!r}]"
            for name in holding_counts
        )
        return f"Raw counts seem to be in {layers}: choose that layer."
    return (
        "Read the file as it was before normalisation, or keep its raw counts in layers['counts']."
    )
