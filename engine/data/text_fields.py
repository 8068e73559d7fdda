"""The fields of tables in text: their encoding, and what counts as a number."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from engine.data.choices import Notes
from engine.data.reader_errors import shorten
from engine.errors import DataError

_GZIP, _UTF16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def opened(path: Path) -> IO[str]:
    """Open a table as text, packed or not.

    Raises
    ------
    DataError
        If it is in UTF-16, as a spreadsheet's "Unicode text" is.
    """
    with path.open("rb") as raw:
        start = raw.read(2)
    if start == _GZIP:
        with gzip.open(path) as packed:
            start = packed.read(2)
    if start in _UTF16:
        raise DataError(
            "a table in UTF-8",
            f"UTF-16 in {shorten(path.name)}",
            "Save it again as CSV in UTF-8, or as tab-separated text in UTF-8.",
        )
    with path.open("rb") as raw:
        if raw.read(2) == _GZIP:
            return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def garbled(names: Sequence[str], file: str) -> Notes:
    """Message on names in another encoding."""
    wrong = [name for name in names if _UNREADABLE in name]
    if not wrong:
        return Notes()
    text = (
        f"{len(wrong):,} names of {shorten(file)} hold characters that are not UTF-8 and were "
        f"replaced ({shorten(wrong[0])}): save the table in UTF-8 to keep them."
    )
    return Notes(warnings=(text,))


def is_number(text: str) -> bool:
    """Whether a field is a number as programs write them."""
    try:
        float(text)
    except ValueError:
        return False
    # Python reads 1_0 as ten; no program that writes tables does.
    return "_" not in text


def numbers(row: list[str], length: int, path: Path, number: int) -> np.ndarray:
    """The numbers of a row after its name.

    Raises
    ------
    DataError
        If there are more or fewer, or one of them is none.
    """
    if len(row) - 1 != length:
        raise DataError(
            f"{length:,} numbers in each row",
            f"{len(row) - 1:,} in row {number:,} of {shorten(path.name)}",
            "The table is cut or its columns are shifted: write it again.",
        )
    fields = row[1:]
    try:
        values = np.array(fields, dtype=np.float64)
    except ValueError:
        values = np.full(1, np.nan)
    if not np.isnan(values).any() and not any("_" in field for field in fields):
        return values
    where = f"in row {number:,} of {shorten(path.name)}"
    wrong = next((field for field in fields if not _is_finite(field)), "")
    check_decimals([wrong], where)
    raise DataError(
        "a number in every field",
        f"text, NA or nothing {where} ({shorten(repr(wrong))})",
        "Write zeros where nothing was counted.",
    )


def check_decimals(fields: Sequence[str], where: str) -> None:
    """Refuse numbers with decimal commas, which would be taken for text.

    Raises
    ------
    DataError
        If some fields are not numbers, and all of these have decimal commas.
    """
    wrong = [field for field in fields if not is_number(field)]
    if wrong and all(map(_DECIMAL_COMMA.fullmatch, wrong)):
        raise DataError(
            "numbers with decimal points",
            f"decimal commas {where} ({shorten(wrong[0])})",
            "Write the table again with points, as counts without decimals if they are counts.",
        )


def _is_finite(field: str) -> bool:
    return is_number(field) and not np.isnan(float(field))
