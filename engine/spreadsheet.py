"""Writes tables whose text no spreadsheet runs as a formula.

A name that begins with ``=``, for example, is a formula to a spreadsheet, and may fetch or send
what it likes. Such text is written behind an apostrophe, and read back without it.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pandas as pd

from engine.files.atomic import atomic_write

# A cell begins with the text, or after a character that separates cells in some countries. A
# formula begins with one of these signs, in full width too, perhaps after blanks or a quote.
_BEGINS = r"(^|[;\t\r\n])"
_FORMULA = r"(?=[\s\x00-\x1f\ufeff\u200b\"]*[=+\-@＝＋－＠\t\r\n])"
_BARE = re.compile(rf"{_BEGINS}('*){_FORMULA}")
_GUARDED = re.compile(rf"{_BEGINS}'('*){_FORMULA}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def guarded(value: Any) -> Any:
    """Put an apostrophe before text that would be a formula; return anything else unchanged."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _BARE.sub(r"\1'\2", value)


def unguarded(text: str) -> str:
    """The inverse of `guarded` for text."""
    return _GUARDED.sub(r"\1\2", text)


def to_csv(table: pd.DataFrame, *, index: bool = True) -> str:
    """The table as CSV, its names of rows and columns included, with no text that is a formula."""
    columns = [_column(table.iloc[:, place]) for place in range(table.shape[1])]
    safe = pd.concat(columns, axis=1) if columns else table.copy()
    safe.columns = _index(table.columns)
    safe.index = _index(table.index)
    written: str = safe.to_csv(index=index)
    # A carriage return outside quotes would end the line.
    if "\r" in written:
        written = safe.to_csv(index=index, quoting=csv.QUOTE_NONNUMERIC)
    return written


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the table without its index, replacing the file as a whole; OSError if that fails."""
    with atomic_write(path) as temporary:
        temporary.write_text(to_csv(table, index=False), "utf-8", "replace")


def _column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.rename_categories(guarded)
    numbers = pd.api.types.is_numeric_dtype(column) or column.dtype.kind in "mM"
    return column if numbers else column.astype(object).map(guarded)


def _index(index: pd.Index) -> pd.Index:
    names = [guarded(name) for name in index.names]
    if isinstance(index, pd.MultiIndex):
        levels = [[guarded(value) for value in level] for level in index.levels]
        return index.set_levels(levels).set_names(names)
    return pd.Index([guarded(value) for value in index], name=names[0])
