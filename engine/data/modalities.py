"""Files of several modalities (.h5mu): the one with RNA is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py

from engine.data.choices import ChoiceNeeded, Choices, Notes, Offer, how_to, listed, pick
from engine.data.reader_errors import shorten
from engine.data.tables import ELEMENTS, Table, from_elements
from engine.files.elements import LABELS, check_elements

RNA = ("rna", "gex", "gene expression")


def read(file: h5py.File, path: Path, choices: Choices) -> Table:
    """The modality with RNA, or the named one.

    Raises
    ------
    ChoiceNeeded
        If no modality has a usual name of RNA, or none has the chosen name.
    """
    mods = file["mod"]
    check_elements(
        mods, list(mods), [f"{mod}/{part}" for mod in mods for part in LABELS], path.stat().st_size
    )
    names = [name for name in mods if set(mods[name]) & set(ELEMENTS)]
    offer = Offer("feature_type", tuple(names))
    rna = [name for name in names if name.casefold() in RNA]
    if choices.feature_type is not None:
        name = pick("feature_type", choices.feature_type, names)
    elif rna:
        name = rna[0]
    else:
        raise ChoiceNeeded(
            "a modality called rna",
            f"{listed(names) or 'none'} in {shorten(path.name)}",
            f"Choose one by {how_to('feature_type', names[0] if names else 'rna')}.",
            offer,
        )
    others = [other for other in names if other != name]
    sentence = f"Read the modality {shorten(name)}"
    sentence += f"; left out {listed(others)}." if others else "."
    notes = Notes(reasons=(sentence,), offers=(replace(offer, chosen=name),))
    table = from_elements(mods[name], path, file.close)
    return replace(table, notes=table.notes + notes)
