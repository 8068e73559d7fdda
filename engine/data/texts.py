"""Tables in text (.csv, .tsv, .txt, packed or not): genes x cells, or cells x genes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import anndata as ad
import numpy as np
from scipy import sparse

from engine.data.annotations import annotated, apart, beside, comments, left_out, no_genes
from engine.data.choices import COLUMNS, ROWS, ChoiceNeeded, Choices, Notes, Offer, how_to, pick
from engine.data.memory import memory_budget
from engine.data.reader_errors import shorten
from engine.data.size_limits import MAX_CELLS
from engine.data.tables import FORMATS
from engine.data.text_fields import check_decimals, garbled, is_number, numbers, opened
from engine.errors import DataError

NAMES = re.compile(r"\.(csv|tsv|txt|tab)(\.gz)?$", re.IGNORECASE)
LONGEST_LINE, MOST_FIELDS = 50_000_000, 2_000_000
LOOKED_AT = 2000
MOST_COMMENTS = 1000
VALUES_AT_ONCE = 8_000_000
ENTRY_BYTES = 12
BARCODE = re.compile(r"(^|[^A-Z])[ACGTN]{8,}([^A-Z]|$)")
CELL = re.compile(r"^(cells?|c|bc|barcode|sample|s)[ _.-]?\d+$", re.IGNORECASE)
GENE = re.compile(
    r"^(ENS[A-Z]*[GT]\d{6,}|(genes?|g)[ _.-]?\d+$|MT-|mt-|RP[LS]\d|Rp[ls]\d|ERCC-\d)", re.ASCII
)
# fmt: off
COMMON = frozenset((
    "actb", "gapdh", "malat1", "b2m", "cd3d", "cd3e", "cd4", "cd8a", "cd19", "ms4a1", "cd14", "lyz",
    "nkg7", "gnly", "ptprc", "tmsb4x", "tmsb10", "eef1a1", "ftl", "fth1", "hla-a", "hla-b", "hla-c",
    "vim", "fos", "jun", "col1a1", "epcam", "krt8", "krt18", "alb", "apoe",
))
# fmt: on
GENE_HEADS = frozenset(("gene", "genes", "gene_id", "gene_name", "symbol", "geneid", "feature"))
CELL_HEADS = frozenset(("cell", "cells", "barcode", "barcodes", "cell_id", "cellid", "cell_name"))
NEEDED = 0.5


def is_text(path: Path) -> bool:
    """Whether a file is named like a table in text and holds text only."""
    if NAMES.search(path.name) is None:
        return False
    with opened(path) as lines:
        return "\0" not in lines.read(4096)


def read(path: Path, choices: Choices) -> tuple[ad.AnnData, Notes, str]:
    """The counts of a table with names of genes and of cells.

    Raises
    ------
    DataError
        If it is no table of numbers, or too large for memory.
    ChoiceNeeded
        If neither its names nor its headings tell genes from cells.
    """
    head, separator, corner, skipped = _head(path)
    known = annotated(corner, head)
    names, columns, blocks, other_columns = _table(path, head, separator, len(skipped), known)
    rows = sparse.csr_matrix(sparse.vstack(blocks, format="csr"))
    sides = names, columns
    turned, notes = _find_orientation(path, corner, sides, choices)
    index, var_names = sides if turned else sides[::-1]
    headings = dict(
        zip(other_columns, apart([head[place - 1] for place in other_columns]), strict=True)
    )
    labels = {headings[place]: values for place, values in other_columns.items()}
    obs, var = beside(labels if turned else {}, index), beside({} if turned else labels, var_names)
    counts = rows if turned else sparse.csr_matrix(rows.T)
    none = no_genes(var_names)
    notes += garbled([*sides[0], *sides[1]], path.name)
    notes += comments(skipped, path.name) + left_out(
        [headings[place] for place in other_columns if place in known],
        [headings[place] for place in other_columns if place not in known],
        [var_names[place] for place in none],
        turned,
    )
    adata = ad.AnnData(counts, obs=obs, var=var)
    if none:
        adata = adata[:, np.setdiff1d(np.arange(len(var)), none)].copy()
    return adata, notes, path.name.split(".")[0]


def _head(path: Path) -> tuple[list[str], str, str | None, list[str]]:
    """Names of all columns, the separator, the corner if there is one, and lines before them."""
    with opened(path) as lines:
        first, second = (lines.readline(LONGEST_LINE).rstrip("\r\n") for _ in range(2))
        skipped: list[str] = []
        while first.startswith("#") and len(skipped) < MOST_COMMENTS:
            # A line with as many fields as the next one holds the headings.
            if any(0 < first.count(sep) == second.count(sep) for sep in "\t,;"):
                break
            skipped.append(first)
            first, second = second, lines.readline(LONGEST_LINE).rstrip("\r\n")
    counted = {sep: second.count(sep) for sep in ("\t", ",", ";", " ")}
    separator = max(counted, key=lambda sep: counted[sep])
    if not counted[separator] or not first:
        raise DataError(
            "a table of counts with names of genes and of cells",
            f"no columns in {shorten(path.name)}",
            "Separate the columns by commas or tabs.",
        )
    first, second = _ending(io.StringIO(f"{first}\n{second}"))
    above, below = (next(csv.reader(io.StringIO(t), delimiter=separator)) for t in (first, second))
    if len(above) == len(below):
        corner: str | None = above.pop(0)
    elif len(above) == len(below) - 1:
        corner = None
    else:
        raise DataError(
            "as many headings as columns",
            f"{len(above):,} over {len(below):,} columns in {shorten(path.name)}",
            "Write the table again with names of both sides.",
        )
    if all(map(is_number, above)) and not _counts_up(above):
        raise DataError(
            "names of genes and of cells around the counts",
            f"numbers in the first line of {shorten(path.name)}",
            "Write the table again with names of both sides.",
        )
    return above, separator, corner, skipped


def _table(
    path: Path, head: list[str], separator: str, skipped: int, known: list[int]
) -> tuple[list[str], list[str], list[sparse.csr_matrix], dict[int, list[str]]]:
    """Names of rows and columns, the counts in blocks, and the other columns by position."""
    names: list[str] = []
    blocks: list[sparse.csr_matrix] = []
    waiting: list[np.ndarray] = []
    other_columns: dict[int, list[str]] = {}
    texts: list[int] = []
    budget, entries = memory_budget(), 0
    at_once = max(1, VALUES_AT_ONCE // max(len(head), 1))
    with opened(path) as lines:
        for _ in range(skipped + 1):
            lines.readline(LONGEST_LINE)
        for row in csv.reader(_ending(lines), delimiter=separator):
            if not row:
                continue
            if not names:
                check_decimals(row[1:], f"in row 1 of {shorten(path.name)}")
                text_columns = {
                    place for place, text in enumerate(row[1:], 1) if not is_number(text)
                }
                texts = sorted(text_columns.union(known))
                other_columns = {place: [] for place in texts}
            names.append(row[0])
            whole = len(row) == len(head) + 1
            for place in reversed(texts) if whole else ():
                other_columns[place].append(row.pop(place))
            waiting.append(numbers(row, len(head) - len(texts), path, len(names)))
            if len(waiting) == at_once:
                blocks.append(sparse.csr_matrix(np.stack(waiting)))
                waiting, entries = [], entries + blocks[-1].nnz
            if entries * ENTRY_BYTES > budget or len(names) > MAX_CELLS:
                raise _too_large(path)
    if waiting:
        blocks.append(sparse.csr_matrix(np.stack(waiting)))
        if (entries + blocks[-1].nnz) * ENTRY_BYTES > budget:
            raise _too_large(path)
    for place, labels in other_columns.items():
        if place not in known and any(map(is_number, labels)):
            raise DataError(
                "a number in every field",
                f"text, NA or nothing under {shorten(head[place - 1])} in {shorten(path.name)}",
                "Write zeros where nothing was counted.",
            )
    if not names:
        raise DataError("rows of counts", f"none in {shorten(path.name)}", "Write it again.")
    left = set(texts)
    if len(head) - len(left) < 2:
        raise DataError(
            FORMATS,
            f"a file of another kind: {shorten(path.name)} is no table of genes and cells",
            "Write the counts with names of genes on one side and of cells on the other.",
        )
    return names, [n for i, n in enumerate(head, 1) if i not in left], blocks, other_columns


def _too_large(path: Path) -> DataError:
    return DataError(
        "a table that fits into memory",
        f"{shorten(path.name)}, which does not",
        "Convert it once to .h5ad where memory allows: that is streamed from disk.",
    )


def _ending(lines: IO[str]) -> Iterator[str]:
    """Lines of bounded length: one without end would fill memory."""
    while line := lines.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise ValueError("a line of the table does not end")
        # Each field takes sixty bytes and more once the line is split.
        if len(line) > MOST_FIELDS and max(map(line.count, "\t,; ")) > MOST_FIELDS:
            raise ValueError(f"more than {MOST_FIELDS:,} columns")
        yield line


def _find_orientation(
    path: Path, corner: str | None, sides: tuple[list[str], list[str]], choices: Choices
) -> tuple[bool, Notes]:
    """Whether rows are cells, by the choice, the corner or the names of both sides."""
    offer = Offer("cells_in", (ROWS, COLUMNS), choices.cells_in or "")
    if choices.cells_in is not None:
        way = pick("cells_in", choices.cells_in, (ROWS, COLUMNS))
        return way == ROWS, Notes((f"Cells are in {way}, as asked.",), (), (offer,))
    heading = (corner or "").strip().casefold()
    evidence = {ROWS: 0.0, COLUMNS: 0.0}
    for way, other, names in ((ROWS, COLUMNS, sides[0]), (COLUMNS, ROWS, sides[1])):
        evidence[way] += _share(names, _is_cell) > NEEDED
        evidence[other] += _share(names, _is_gene) > NEEDED or _common(names)
    evidence[ROWS] += (heading in CELL_HEADS) + _counts_up(sides[0])
    evidence[COLUMNS] += heading in GENE_HEADS
    if evidence[ROWS] == evidence[COLUMNS]:
        raise ChoiceNeeded(
            "a table whose names tell genes from cells",
            f"rows like {shorten(sides[0][0])} and columns like {shorten(sides[1][0])} in "
            f"{shorten(path.name)}",
            f"Say which are cells by {how_to('cells_in', ROWS)}, or {COLUMNS}.",
            offer,
        )
    way = ROWS if evidence[ROWS] > evidence[COLUMNS] else COLUMNS
    text = (
        f"Cells are in {way} of {shorten(path.name)}, by its names (rows like "
        f"{shorten(sides[0][0])}, columns like {shorten(sides[1][0])}); if that is wrong, choose "
        f"by {how_to('cells_in', COLUMNS if way == ROWS else ROWS)}."
    )
    return way == ROWS, Notes(warnings=(text,), offers=(replace(offer, chosen=way),))


def _share(names: Sequence[str], like: Any) -> float:
    some = names[:LOOKED_AT]
    return sum(map(like, some)) / max(len(some), 1)


def _is_cell(name: str) -> bool:
    return BARCODE.search(name) is not None or CELL.match(name) is not None


def _is_gene(name: str) -> bool:
    return GENE.match(name) is not None and BARCODE.search(name) is None


def _common(names: Sequence[str]) -> bool:
    return len(COMMON & {name.casefold() for name in names}) > 2


def _counts_up(names: Sequence[str]) -> bool:
    """Whether the names are just 0, 1, 2 … or 1, 2, 3 …"""
    first = names[0] if names else ""
    return first in ("0", "1") and all(n == str(i + int(first)) for i, n in enumerate(names))
