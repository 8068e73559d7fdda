"""Columns that name the compared groups in a table, as its file may be renamed."""

from __future__ import annotations

import pandas as pd

REST = "the rest"


def with_groups(table: pd.DataFrame, a: str, b: str | None, unit: str) -> pd.DataFrame:
    """A table with the columns ``group``, ``against`` and ``unit``, the same in all rows.

    Parameters
    ----------
    a, b
        Names of the groups; without b, all other cells.
    unit
        Whose spread gives the errors.
    """
    return table.assign(group=a, against=REST if b is None else b, unit=unit)
