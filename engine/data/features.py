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
# By these values a column of types is told from one of biotypes, which may have the same name.
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
        If there are no genes among the features, or no features of the requested kind.
    """
    table = _select_type(table, choices.feature_type)
    return _select_genome(table, choices.genome)


def _select_type(table: Table, requested: str | None) -> Table:
    known = {
        name: layer.types
        for name, layer in table.layers.items()
        if layer.types is not None and TYPES & {str(t).casefold() for t in layer.types}
    }
    # For an .h5mu the choice is its modality, whose types have other names.
    taken = any(offer.name == "feature_type" for offer in table.notes.offers)
    if not known:
        if requested in (None, ALL, GENES) or taken:
            return table
        raise ChoiceNeeded(
            "a source that tells the types of its features",
            f"{shorten(table.name)}, which does not",
            "Leave the type of features out.",
            Offer("feature_type", ()),
        )
    types = Counter(map(str, max(known.values(), key=lambda types: np.size(np.asarray(types)))))
    genes = next((name for name in types if name.casefold() == GENES.casefold()), GENES)
    offer = Offer("feature_type", (*types, *([ALL] if len(types) > 1 else [])))
    if taken:
        requested = genes if genes in types else offer.options[-1]
    if requested is None and genes not in types:
        counted = listed(f"{count:,} of type {kind}" for kind, count in types.items())
        raise ChoiceNeeded(
            f"{GENES} features",
            f"no {GENES} features; {counted}",
            f"Read the file with the genes, or these by {how_to('feature_type', next(iter(types)))}"
            ".",
            offer,
        )
    kind = genes if requested is None else pick("feature_type", requested, offer.options)
    shown = not taken and (len(types) > 1 or kind != genes)
    notes = Notes(offers=(replace(offer, chosen=kind),) if shown else ())
    left = [f"{count:,} features of type {name}" for name, count in types.items() if name != kind]
    if kind == ALL and len(types) > 1:
        text = f"Features of {len(types)} types were read together ({listed(types)})."
        return replace(table, notes=table.notes + notes + Notes(warnings=(text,)))
    if left:
        text = f"Left out {' and '.join(left)}: {kind} alone is read."
        if requested is None:
            other = next(name for name in types if name != kind)
            text += f" Read others by {how_to('feature_type', other)}, or {ALL}."
        notes += Notes(warnings=(text,)) if requested is None else Notes(reasons=(text,))
    layers = {}
    for name, layer in table.layers.items():
        if name not in known:
            layers[name] = layer
            continue
        columns = np.flatnonzero(known[name].astype(str) == kind)
        if len(columns):
            layers[name] = _pick(layer, columns)
    return replace(table, layers=layers, notes=table.notes + notes)


def _select_genome(table: Table, requested: str | None) -> Table:
    known = {n: y.genomes for n, y in table.layers.items() if y.genomes is not None}
    named = [str(g) for genomes in known.values() for g in genomes if str(g) not in ("", "nan")]
    options = tuple(dict.fromkeys(named))
    if requested is not None and any(offer.name == "genome" for offer in table.notes.offers):
        return table
    if requested is None and len(options) < 2:
        return table
    if requested is not None and not options:
        raise ChoiceNeeded(
            "a source that tells the genomes of its genes",
            f"{shorten(table.name)}, which does not",
            "Leave the genome out.",
            Offer("genome", ()),
        )
    if requested is not None:
        kind = pick("genome", requested, options)
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
        var = layer.var.set_axis(_prefix_genomes(genomes, layer.genes))
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


def _prefix_genomes(genomes: np.ndarray, genes: pd.Index) -> pd.Index:
    """Gene names with their genome in front, as Cell Ranger 3 and later write them."""
    names = []
    for genome, gene in zip(map(str, genomes), genes, strict=True):
        plain = genome in ("", "nan") or str(gene).startswith(f"{genome}_")
        names.append(gene if plain else f"{genome}_{gene}")
    return pd.Index(names, dtype=object)
