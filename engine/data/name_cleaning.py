"""Names and labels made unique, writable strings; values of labels stay as they are."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from engine.data.quiet import quiet
from engine.data.reader_errors import shorten

MISSING = "missing"


def clean_names(names: pd.Index, kind: str) -> tuple[pd.Index, list[str]]:
    """Unique strings in the same order, and what had to be mended, in sentences.

    Parameters
    ----------
    kind
        "cell" or "gene", for the sentences.
    """
    raw = list(names)
    messages = []
    texts = [_text(name) for name in raw]
    foreign = [name for name in raw if not isinstance(name, str | bytes)]
    if foreign:
        messages.append(
            f"{len(foreign):,} {kind} names were not text and were turned into it "
            f"({shorten(repr(foreign[0]))})."
        )
    clean = [_writable(text) for text in texts]
    mended = [text for text, written in zip(texts, clean, strict=True) if text != written]
    if mended:
        messages.append(
            f"{len(mended):,} {kind} names were empty or held characters that no file can keep; "
            f"these were replaced ({shorten(repr(mended[0]))})."
        )
    index = pd.Index(clean, dtype=str)
    repeated = index[index.duplicated()].unique()
    if len(repeated):
        messages.append(
            f"{len(repeated):,} {kind} names occur more than once and were made unique by a "
            f"number ({', '.join(shorten(name) for name in repeated[:3])})."
        )
        with quiet():
            index = pd.Index(ad.utils.make_index_unique(index), dtype=str)
    return index, messages


def clean_labels(obs: pd.DataFrame, cells: pd.Index) -> pd.DataFrame:
    """Labels that an .h5ad can hold: numbers as they are, everything else as categories."""
    # h5ad reserves these two: a slash makes a folder, _index holds the names.
    safe = [_text(name).replace("/", "|") for name in obs.columns]
    names, _ = clean_names(pd.Index(["index" if n == "_index" else n for n in safe]), "label")
    columns = [_label(obs.iloc[:, place]) for place in range(obs.shape[1])]
    labels = {name: column.array for name, column in zip(names, columns, strict=True)}
    return pd.DataFrame(labels, index=cells)


def _label(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.BooleanDtype) and not column.hasnans:
        return column.astype(bool)
    # With missing values true and false are labels: as numbers they would have a slope.
    if isinstance(column.dtype, pd.BooleanDtype):
        column = column.astype(object)
    if column.dtype.kind in "buif" and not isinstance(column.dtype, pd.CategoricalDtype):
        plain = isinstance(column.dtype, np.dtype) and column.dtype != np.float16
        return column if plain else column.astype(np.float64)
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = [_writable(_text(value)) for value in column.cat.categories]
        if len(set(categories)) == len(categories):
            return column.cat.rename_categories(categories)
    texts = column.astype(object).map(lambda value: _writable(_text(value)), na_action="ignore")
    return texts.astype("category")


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _writable(text: str) -> str:
    """Replace what HDF5 cannot store: NUL, lone surrogates and empty text."""
    replaced = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return replaced.encode("utf-8", "replace").decode("utf-8") or MISSING
