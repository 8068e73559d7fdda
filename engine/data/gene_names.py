"""Names of genes: symbols from a column if there is one, else the index."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.name_cleaning import clean_names
from engine.data.reader_errors import shorten
from engine.errors import DataError
from engine.genes import OTHER

INDEX = "index"
# Names of columns, small letters and digits alone, the surest first.
SYMBOLS = (
    "featurename",
    "genesymbols",
    "genesymbol",
    "genename",
    "genenames",
    "symbol",
    "symbols",
    "hgncsymbol",
    "mgisymbol",
    "externalgenename",
    "geneshortname",
    "featurenames",
    "featuresymbol",
    "hugosymbol",
    "hugo",
    "genes",
    "gene",
)
IDS = (
    "geneids",
    "geneid",
    "ensemblid",
    "ensemblids",
    "ensemblgeneid",
    "ensembl",
    "featureid",
    "featureids",
    "ensg",
    "accession",
)
# Least shares of genes that have a name, and of those names that are distinct.
PRESENT, DISTINCT = 0.5, 0.8
# From this share on, names count as ids, or a column as a copy of the index.
MOSTLY = 0.5
# Ids of Ensembl, FlyBase, WormBase, TAIR, SGD, RefSeq, Entrez and others, perhaps after a genome.
_ID = re.compile(
    r"\d+|(?:[\w.-]*_)?(?:ENS[A-Z]*\d{6,}(?:\.\d+)?(?:_PAR_Y)?|FBgn\d+|WBGene\d+|AT[1-5CM]G\d{5}"
    r"|Y[A-P][LR]\d{3}[WC](?:-[A-Z])?|[NX][MR]_\d+(?:\.\d+)?|(?:HGNC|MGI|RGD|ZFIN|ENTREZ):\S+"
    r"|LOC\d+|DDB_G\d+|PF3D7_\d+)"
)

# pandas returns a table for two columns of one name.
Column = pd.Series | pd.DataFrame


@dataclass(frozen=True, eq=False)
class GeneNames:
    """Names of the genes of a layer.

    Attributes
    ----------
    names
        Unique names to be shown.
    ids
        Unique ids beside them; None if the names are all there is.
    stored
        The index, made unique.
    column
        Where the names are from: a column of var, or "index".
    reason
        Why, in a sentence; empty if there was nothing to choose.
    warnings
        What was mended or guessed, in sentences.
    """

    names: pd.Index
    ids: pd.Index | None
    stored: pd.Index
    column: str
    reason: str
    warnings: tuple[str, ...]


def name_genes(var: pd.DataFrame, requested: str | None = None) -> GeneNames:
    """Name the genes of a layer.

    Parameters
    ----------
    var
        Annotation of the genes, indexed by their names as stored.
    requested
        A column, "index", or None to take a column of symbols where the index holds ids.

    Raises
    ------
    DataError
        If there is no such column.
    """
    stored, mended = clean_names(pd.Index(var.index), "gene")
    column = _guess(var) if requested is None else _check_column(var, requested)
    if column != INDEX:
        symbols = _texts(var[column])
        unnamed = symbols == ""
        # Only in the index does this name mean the pooled feature of an earlier fit.
        unnamed |= (symbols == OTHER) | (stored == OTHER)
        names, messages = _add_ids(np.where(unnamed, stored, symbols), stored)
        missing = int((unnamed & (stored != OTHER)).sum())
        if missing:
            messages.insert(
                0, f"{missing:,} genes have no name in var[{column!r}] and keep their id."
            )
        warnings = [*_warn_of_guess(var, column, requested), *messages]
        reason = f"Gene names are from var[{shorten(column)!r}]; their ids are the index."
        return GeneNames(names, stored, stored, column, reason, tuple(warnings))
    ids = _id_column(var, stored)
    if ids is None:
        hint = _hint_at_symbols(var) if requested is None else []
        reason = "" if requested is None else "Gene names are the index of the genes, as asked."
        return GeneNames(stored, None, stored, INDEX, reason, (*mended, *hint))
    known = _texts(var[ids])
    whole = np.where((known == "") | (stored == OTHER), stored, known)
    unique_ids, _ = clean_names(pd.Index(whole, dtype=object), "gene")
    reason = f"Gene names are the index of the genes; their ids are from var[{shorten(ids)!r}]."
    if requested is None and var.index.has_duplicates:
        names, mended = _add_ids(np.asarray(_texts(var.index.to_series())), unique_ids)
        return GeneNames(names, unique_ids, stored, INDEX, reason, tuple(mended))
    return GeneNames(stored, unique_ids, stored, INDEX, reason, tuple(mended))


def name_columns(var: pd.DataFrame) -> tuple[str, ...]:
    """Columns of var that may hold names of genes: text, and distinct for most of them."""
    columns = [str(name) for name in var.columns if isinstance(name, str)]
    return tuple(name for name in columns if _may_name(var[name]))


def _guess(var: pd.DataFrame) -> str:
    """The column of symbols if one says more than the index, else "index"."""
    index = _texts(var.index.to_series())
    for name in _ranked(var, SYMBOLS):
        if not _may_name(var[name]):
            continue
        texts = _texts(var[name])
        # An index of symbols made unique is mostly equal to the column that they are from.
        if float((texts == index).mean()) < MOSTLY and like_ids(texts) < MOSTLY:
            return name
    return INDEX


def _warn_of_guess(var: pd.DataFrame, column: str, requested: str | None) -> list[str]:
    if requested is not None or like_ids(_texts(var.index.to_series())) >= MOSTLY:
        return []
    return [
        f"The index of the genes ({shorten(var.index[0])}, …) was taken for ids and "
        f"var[{shorten(column)!r}] ({shorten(_texts(var[column])[0])}, …) for their names; if that "
        f"is wrong, choose those of the index by --gene-names {INDEX} (on the page: Gene names)."
    ]


def _hint_at_symbols(var: pd.DataFrame) -> list[str]:
    """Point at columns that may hold the symbols of an index of ids."""
    if like_ids(_texts(var.index.to_series())) < MOSTLY:
        return []
    columns = [name for name in name_columns(var) if like_ids(_texts(var[name])) < MOSTLY]
    if not columns:
        return []
    shown = " or ".join(f"var[{shorten(name)!r}]" for name in columns[:3])
    return [f"The genes are called by ids; {shown} may hold their names."]


def _check_column(var: pd.DataFrame, requested: str) -> str:
    if requested == INDEX or requested in var.columns:
        return requested
    offered = ", ".join(shorten(name) for name in (INDEX, *name_columns(var)))
    raise DataError(
        f"gene names from one of: {offered}",
        f"{shorten(requested)!r}, which is no column of var",
        "Choose one of them, or leave the choice to the program.",
    )


def _ranked(var: pd.DataFrame, known: tuple[str, ...]) -> list[str]:
    plain = {
        name: re.sub(r"[^a-z0-9]", "", name.lower())
        for name in var.columns
        if isinstance(name, str)
    }
    return sorted((n for n in plain if plain[n] in known), key=lambda n: known.index(plain[n]))


def _id_column(var: pd.DataFrame, stored: pd.Index) -> str | None:
    """A column of unique ids beside an index of names, none of them the name of another gene."""
    index = _texts(var.index.to_series())
    for name in _ranked(var, IDS):
        column = var[name]
        if not _is_text(column):
            continue
        texts = _texts(column)
        own = texts[texts != ""]
        same = float((texts == index).mean())
        if len(own) and not pd.Index(own).has_duplicates and same < MOSTLY:
            merged = pd.Index(np.where(texts == "", index, texts))
            other = np.asarray(stored.isin(merged)) & (stored != merged)
            if not merged.has_duplicates and not other.any():
                return name
    return None


def _may_name(column: Column) -> bool:
    if not _is_text(column):
        return False
    texts = _texts(column)
    present = texts[texts != ""]
    least = max(2, DISTINCT * len(present))
    return len(present) >= PRESENT * len(texts) and len(set(present)) >= least


def _is_text(column: Column) -> bool:
    """Whether this is a single column, and of text."""
    if not isinstance(column, pd.Series):
        return False
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    values = column.cat.categories if categorical else column
    if isinstance(values.dtype, pd.StringDtype):
        return True
    plain = values.dtype == object
    return plain and all(isinstance(v, str | bytes) for v in values if not _is_missing(v))


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _texts(column: Column) -> np.ndarray:
    """The values of a column as text; empty for missing values and blanks."""
    single = column.iloc[:, 0] if isinstance(column, pd.DataFrame) else column
    texts = [
        ""
        if _is_missing(value)
        else value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else str(value)
        for value in single.astype(object)
    ]
    return np.array([text if text.strip() else "" for text in texts], dtype=object)


def like_ids(texts: np.ndarray) -> float:
    """Share of names that look like ids."""
    own = [text for text in texts if text and text != OTHER]
    return sum(_ID.fullmatch(text) is not None for text in own) / max(len(own), 1)


def _add_ids(names: np.ndarray, ids: pd.Index) -> tuple[pd.Index, list[str]]:
    """Names, with the id added to repeated ones, and messages on these."""
    index = pd.Index(names, dtype=object)
    # A name that is the id of another gene would be confused with it.
    unclear = index.duplicated(keep=False) | index.isin(ids)
    repeated = np.asarray(unclear) & (names != np.asarray(ids, dtype=object))
    labels = [
        f"{name} ({own})" if twice else name
        for name, own, twice in zip(names, ids, repeated, strict=True)
    ]
    messages = []
    if repeated.any():
        shown = [name for name, twice in zip(labels, repeated, strict=True) if twice][:3]
        count = len(set(names[repeated]))
        messages.append(
            f"{count:,} gene names are of more than one gene and carry their id "
            f"({', '.join(shorten(name) for name in shown)})."
        )
    unique, mended = clean_names(pd.Index(labels, dtype=object), "gene")
    return unique, [*messages, *mended]
