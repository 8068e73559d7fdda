"""Describes a source without reading its matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from engine.data.choices import ChoiceNeeded, Choices, Offer
from engine.data.gene_names import INDEX, name_columns, name_genes
from engine.data.layers import choose_layer
from engine.data.looks import look_at
from engine.data.opening import open_table
from engine.data.tables import Source
from engine.errors import DataError


@dataclass(frozen=True)
class LayerInfo:
    """A layer: its name, number of genes, whether it looks like counts, and what it holds."""

    name: str
    n_genes: int
    is_counts: bool
    holds: str


@dataclass(frozen=True)
class ColumnInfo:
    """A column of obs: its name, whether it is numbers or labels, how many distinct values."""

    name: str
    kind: Literal["number", "label"]
    n_values: int


@dataclass(frozen=True)
class SourceInfo:
    """Layers, columns and choices of a source.

    Attributes
    ----------
    name, source
        Short name; path, "demo" or "memory".
    n_cells, n_genes
        Size, of the guessed layer if there is one.
    layers, columns
        What it holds.
    guess
        The layer that `engine.read_counts` would take; None if none holds counts.
    guess_reason
        Why, or why none, in a sentence.
    gene_columns
        Columns of var that may hold the names of the genes.
    gene_names
        The column that would name them, or "index".
    offers
        What else can be chosen.
    said
        What was read, guessed or left out, in sentences.
    """

    name: str
    source: str
    n_cells: int
    n_genes: int
    layers: tuple[LayerInfo, ...]
    columns: tuple[ColumnInfo, ...]
    guess: str | None
    guess_reason: str
    gene_columns: tuple[str, ...] = ()
    gene_names: str = INDEX
    offers: tuple[Offer, ...] = ()
    said: tuple[str, ...] = ()


def inspect_source(source: Source, choices: Choices | None = None) -> SourceInfo:
    """Look into a source: a sample of the values of each layer, and the labels.

    Raises
    ------
    DataError
        If it cannot be read at all.
    """
    table = open_table(source, choices)
    try:
        looks = {name: look_at(layer.matrix) for name, layer in table.layers.items()}
        guess: str | None = None
        offers = table.notes.offers
        messages = (*table.notes.reasons, *(f"Warning: {text}" for text in table.notes.warnings))
        try:
            choice = choose_layer(table, None, choices)
            guess, reason = choice.name, choice.reason
            messages += tuple(f"Warning: {text}" for text in choice.warnings)
        except DataError as error:
            reason = str(error)
            offers += _offered(error)
        if choices is not None and choices.round:
            offers += (Offer("round", ("yes",), "yes"),)
        shown = table.layers[guess or next(iter(table.layers))]
        named = name_genes(shown.var)
        messages += (
            *filter(None, (named.reason,)),
            *(f"Warning: {text}" for text in named.warnings),
        )
        return SourceInfo(
            name=table.name,
            source=table.source,
            n_cells=len(table.obs),
            n_genes=len(shown.genes),
            layers=tuple(
                LayerInfo(name, len(table.layers[name].genes), look.is_counts, look.text)
                for name, look in looks.items()
            ),
            columns=tuple(_column(table.obs.iloc[:, place]) for place in range(table.obs.shape[1])),
            guess=guess,
            guess_reason=reason,
            gene_columns=name_columns(shown.var),
            gene_names=named.column,
            offers=offers,
            said=messages,
        )
    finally:
        table.close()


def _offered(error: DataError) -> tuple[Offer, ...]:
    offer = error.offer if isinstance(error, ChoiceNeeded) else None
    return () if offer is None else (offer,)


def _column(values: pd.Series) -> ColumnInfo:
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    # Values of a foreign kind may not even be hashable.
    distinct = values.map(str).nunique() if values.dtype == object else values.nunique()
    return ColumnInfo(str(values.name), "number" if is_number else "label", int(distinct))
