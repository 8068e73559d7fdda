"""Selects the features of a source to read, by type and by genome."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.data.choices import ALL, ChoiceNeeded, Choices, Notes, Offer, how_to, listed, pick
from engine.data.reader_errors import shorten
from engine.data.tables import Layer, Table
from engine.data.views import Picked

GENES = "Gene Expression"
# Columns of other meaning go by the same names, such as biotypes of genes.
TYPES = frozenset(
    (
        GENES.casefold(),
        "antibody capture",
        "antigen capture",
        "crispr guide capture",
        "multiplexing capture",
        "custom",
        "peaks",
        "vdj-t",
        "vdj-b",
        "vdj-t-gd",
        "chromatin accessibility",
    )
)


def narrow(table: Table, choices: Choices) -> Table:
    """The table with the requested features, and notes on those left out.

    Raises
    ------
    ChoiceNeeded
        If there are no genes among the features, or nothing of what was asked for.
    """
    table = _of_type(table, choices.feature_type)
    return _of_genome(table, choices.genome)


def _of_type(table: Table, asked: str | None) -> Table:
    known = {
        name: layer.types
        for name, layer in table.layers.items()
        if layer.types is not None and TYPES & {str(t).casefold() for t in layer.types}
    }
    # An .h5mu has taken the choice for its modality, whose types go by other names.
    taken = any(offer.name == "feature_type" for offer in table.notes.offers)
    if not known:
        if asked in (None, ALL, GENES) or taken:
            return table
        raise ChoiceNeeded(
            "a source that tells the types of its features",
            f"{shorten(table.name)}, which does not",
            "Leave the type of features out.",
            Offer("feature_type", ()),
        )
    found = Counter(map(str, max(known.values(), key=lambda types: np.size(np.asarray(types)))))
    genes = next((name for name in found if name.casefold() == GENES.casefold()), GENES)
    offer = Offer("feature_type", (*found, *([ALL] if len(found) > 1 else [])))
    if taken:
        asked = genes if genes in found else offer.options[-1]
    if asked is None and genes not in found:
        counted = listed(f"{count:,} of type {kind}" for kind, count in found.items())
        raise ChoiceNeeded(
            f"{GENES} features",
            f"no {GENES} features; {counted}",
            f"Read the file with the genes, or these by {how_to('feature_type', next(iter(found)))}"
            ".",
            offer,
        )
    kind = genes if asked is None else pick("feature_type", asked, offer.options)
    shown = not taken and (len(found) > 1 or kind != genes)
    notes = Notes(offers=(replace(offer, chosen=kind),) if shown else ())
    left = [f"{count:,} features of type {name}" for name, count in found.items() if name != kind]
    if kind == ALL and len(found) > 1:
        text = f"Features of {len(found)} types were read together ({listed(found)})."
        return replace(table, notes=table.notes + notes + Notes(warnings=(text,)))
    if left:
        text = f"Left out {' and '.join(left)}: {kind} alone is read."
        if asked is None:
            other = next(name for name in found if name != kind)
            text += f" Read others by {how_to('feature_type', other)}, or {ALL}."
        notes += Notes(warnings=(text,)) if asked is None else Notes(reasons=(text,))
    layers = {}
    for name, layer in table.layers.items():
        if name not in known:
            layers[name] = layer
            continue
        chosen = np.flatnonzero(known[name].astype(str) == kind)
        if len(chosen):
            layers[name] = _pick(layer, chosen)
    return replace(table, layers=layers, notes=table.notes + notes)


def _of_genome(table: Table, asked: str | None) -> Table:
    known = {n: y.genomes for n, y in table.layers.items() if y.genomes is not None}
    named = [str(g) for genomes in known.values() for g in genomes if str(g) not in ("", "nan")]
    options = tuple(dict.fromkeys(named))
    if asked is not None and any(offer.name == "genome" for offer in table.notes.offers):
        return table
    if asked is None and len(options) < 2:
        return table
    if asked is not None and not options:
        raise ChoiceNeeded(
            "a source that tells the genomes of its genes",
            f"{shorten(table.name)}, which does not",
            "Leave the genome out.",
            Offer("genome", ()),
        )
    if asked is not None:
        kind = pick("genome", asked, options)
        layers = dict(table.layers)
        for name, genomes in known.items():
            layers[name] = _pick(layers[name], np.flatnonzero(genomes.astype(str) == kind))
        notes = Notes(
            (f"Read the genes of {kind}, as asked.",), (), (Offer("genome", options, kind),)
        )
        return replace(table, layers=layers, notes=table.notes + notes)
    layers = dict(table.layers)
    for name, genomes in known.items():
        layer = layers[name]
        var = layer.var.set_axis(_in_front(genomes, layer.genes))
        layers[name] = replace(layer, var=var)
    text = (
        f"Genes of {len(options)} genomes ({listed(options)}) were read together, the genome in "
        f"front of their names. Read one alone by {how_to('genome', options[0])}."
    )
    notes = Notes(warnings=(text,), offers=(Offer("genome", options),))
    return replace(table, layers=layers, notes=table.notes + notes)


def _pick(layer: Layer, columns: np.ndarray) -> Layer:
    if len(columns) == len(layer.genes):
        return layer
    return Layer(Picked.of(layer.matrix, columns), layer.var.iloc[columns])


def _in_front(genomes: np.ndarray, genes: pd.Index) -> pd.Index:
    """Names that begin with their genome; Cell Ranger 3 and later write them so."""
    names = []
    for genome, gene in zip(map(str, genomes), genes, strict=True):
        plain = genome in ("", "nan") or str(gene).startswith(f"{genome}_")
        names.append(gene if plain else f"{genome}_{gene}")
    return pd.Index(names, dtype=object)
