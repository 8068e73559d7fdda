"""What the saved fits of all models have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

FORMAT = 1


class Stored(NamedTuple):
    """Where an array of a fit lies in an AnnData, which also gives its shape.

    Attributes
    ----------
    part
        "obs" of (C,) values, "var" (G,), "obsm" (C, k), "varm" (G, k).
    key
        Its name there.
    least
        The lowest value that it may have, if there is one.
    """

    part: Literal["obs", "var", "obsm", "varm"]
    key: str
    least: float | None = None


def given_names(meta: Mapping[str, Any], default: list[str]) -> tuple[str, ...]:
    """User-given names in ``uns["logratio"]``; none if they are the default, or too few."""
    names = [str(name) for name in json.loads(meta.get("factor_names", "[]"))]
    return tuple(names) if len(names) == len(default) and names != default else ()


def known_ids(var: pd.DataFrame) -> pd.Index | None:
    """Ids of the genes in the table of a saved fit, if it has any."""
    return pd.Index(var["gene_ids"].astype(str)) if "gene_ids" in var else None
