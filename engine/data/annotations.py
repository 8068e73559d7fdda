"""Columns of a text table that are not counts: annotation of genes, labels of cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from engine.data.choices import Notes, listed
from engine.data.reader_errors import shorten

# Between the names of genes and the counts, featureCounts writes where the genes lie.
POSITION_COLUMNS = ("chr", "start", "end", "strand", "length")
# Written by scanpy and Seurat beside the genes of each cell; small letters and digits alone.
METADATA = re.compile(
    r"(log1p)?(ncounts?|ngenes?|nfeatures?|totalcounts?|numi|nreads|ngenesbycounts?)"
    r"|(ncount|nfeature|percent|pctcounts)(rna|adt|sct|mt|mito|ribo|rb|hb)|log1ptotalcountsmt"
    r"|totalcountsmt|pctcountsintop\d+genes|percentmitochondrial|(doublet|scrublet)scores?"
    r"|librarysize|sizefactors?|seuratclusters|leiden|louvain"
)
# Rows of HTSeq and STAR that count reads without a gene.
NO_GENE = re.compile(r"__\w+|N_(unmapped|multimapping|noFeature|ambiguous)")


def annotated(corner: str | None, head: Sequence[str]) -> list[int]:
    """Positions of columns that are not counts by their headings; the first after the name is 1."""
    plain = [name.strip().casefold() for name in head]
    counted = tuple(plain[: len(POSITION_COLUMNS)]) == POSITION_COLUMNS
    if counted or (corner or "").strip().casefold() == "geneid":
        return [place for place, name in enumerate(plain, 1) if name in POSITION_COLUMNS]
    return [place for place, name in enumerate(head, 1) if _is_metadata(name)]


def no_genes(names: Iterable[str]) -> list[int]:
    """Positions of the names that are not names of genes."""
    return [
        place
        for place, name in enumerate(names)
        if NO_GENE.fullmatch(name) is not None or _is_metadata(name)
    ]


def beside(columns: dict[str, list[str]], names: list[str]) -> pd.DataFrame:
    """Table of the columns that are not counts; columns of numbers are parsed."""
    table = pd.DataFrame(index=pd.Index(names, dtype=object))
    for heading, values in columns.items():
        numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
        table[heading] = values if numbers.isna().any() else numbers.to_numpy()
    return table


def left_out(numbers: list[str], texts: list[str], genes: list[str], cells: bool) -> Notes:
    """Messages on columns kept as annotation, and on names left out because they are not genes."""
    side = "cells" if cells else "genes"
    warnings, reasons = [], []
    if numbers:
        what = "genes" if cells else "cells"
        warnings.append(
            f"By their names these columns are no {what}, and are kept beside the {side} instead: "
            f"{listed(numbers)}."
        )
    if genes:
        warnings.append(f"Left out what is no gene by its name: {listed(genes)}.")
    if texts:
        reasons.append(f"Columns of text are kept beside the {side}: {listed(texts)}.")
    return Notes(tuple(reasons), tuple(warnings))


def apart(headings: Sequence[str]) -> list[str]:
    """The headings, with a number added to repeated ones."""
    taken, labels = set(headings), []
    used: set[str] = set()
    for heading in headings:
        name, number = heading, 1
        while name in used or (number > 1 and name in taken):
            number += 1
            name = f"{heading}-{number}"
        used.add(name)
        labels.append(name)
    return labels


def comments(lines: Sequence[str], name: str) -> Notes:
    """Message on lines before the headings."""
    if not lines:
        return Notes()
    count = f"{len(lines):,} lines were" if len(lines) > 1 else "A line was"
    text = f"{count} skipped before the headings of {shorten(name)}: {shorten(lines[0])}."
    return Notes(warnings=(text,))


def _is_metadata(name: str) -> bool:
    # Seurat writes percent.mt and nCount_RNA, scanpy pct_counts_mt and n_counts.
    return METADATA.fullmatch(re.sub(r"[^a-z0-9]", "", name.casefold())) is not None
