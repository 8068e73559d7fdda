"""Which groups a table compares, in the table: its file may be renamed, or stand beside others."""

from __future__ import annotations

import pandas as pd

REST = "the rest"


def with_groups(table: pd.DataFrame, a: str, b: str | None, unit: str) -> pd.DataFrame:
    """A table with the columns ``group``, ``against`` and ``unit``, the same in all rows.

    Parameters
    ----------
    a, b
        What the groups are called; without b, all other cells.
    unit
        Whose spread the errors have.
    """
    return table.assign(group=a, against=REST if b is None else b, unit=unit)
