"""read_counts: from any source to validated counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.choices import OPTIONS as CHOICES
from engine.data.choices import Choices
from engine.data.counts import Counts
from engine.data.gene_choice import GeneChoice, Selection, check_gene_choice, choose_genes
from engine.data.gene_names import name_genes
from engine.data.layers import choose_layer
from engine.data.matrices import Matrix
from engine.data.memory import memory_budget
from engine.data.name_cleaning import clean_labels, clean_names
from engine.data.opening import open_table
from engine.data.reading_progress import report_progress
from engine.data.report import Report
from engine.data.rows import MemoryRows, Projection, RowStore, StreamedRows, row_blocks
from engine.data.scan import Scan, scan
from engine.data.tables import Source
from engine.errors import ConfigError, DataError
from engine.genes import OTHER

LIBRARY_SIZE = "total_counts_all_genes"


def read_counts(
    source: Source,
    *,
    layer: str | None = None,
    genes: GeneChoice = 2000,
    reference: str | None = None,
    library_size: str | None = None,
    gene_names: str | None = None,
    sample: str | None = None,
    genome: str | None = None,
    feature_type: str | None = None,
    cells_in: str | None = None,
    round: bool = False,
    backed: bool | None = None,
) -> Counts:
    """Read, validate and cut to size the counts of a data set.

    Parameters
    ----------
    source
        Path of an AnnData (.h5ad, .zarr), .h5mu, .loom, 10x .h5 or table in text, or of a
        folder with matrix.mtx; an AnnData; or "demo".
    layer
        "X", "raw" or the name of a layer; None picks the one that holds raw counts.
    genes
        The n most variable, "all", or names. Expressed genes left over are pooled into
        ``_other``, so that totals stay true; that name itself may be among those given.
    reference
        ALR reference: a gene (added to the choice if need be) or ``_other``. None takes
        ``_other``, or without it the gene seen in the most cells.
    library_size
        Column of ``obs`` with each cell's counts over all genes, if the data hold only some
        of them. What the data lack goes to ``_other`` as well.
    gene_names
        Column of ``var`` with the names of the genes, or "index". None takes a column of symbols
        where there is one that says more than the index. ``genes`` and ``reference`` may hold ids
        or names.
    sample, genome, feature_type, cells_in, round
        As in `engine.data.Choices`: what to read of a source that can be read in several ways.
    backed
        True streams row blocks from disk, False reads all into memory, None decides by the
        size of the layer and the memory available.

    Returns
    -------
    Counts
        Cells without counts and genes never expressed are left out and reported.

    Raises
    ------
    DataError
        If the source cannot be read, holds no counts, or lacks a part that was requested.
    ConfigError
        If an argument is of the wrong kind.
    """
    genes = check_gene_choice(genes)
    choices = Choices(sample, genome, feature_type, cells_in, round)
    texts = {"layer": layer, "reference": reference, "library_size": library_size}
    texts |= {"gene_names": gene_names}
    texts |= {name: getattr(choices, name) for name in CHOICES if name != "round"}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{name} to be a name or None", repr(value)[:60], f"Change {name}.")
    table = open_table(source, choices)
    streamed = False
    try:
        choice = choose_layer(table, layer, choices)
        matrix = choice.layer.matrix
        streamed = matrix.on_disk and _stream(matrix, backed)
        if not streamed:
            matrix = matrix.load()
        cells, cell_notes = clean_names(pd.Index(table.obs.index), "cell")
        named = name_genes(choice.layer.var, gene_names)
        names = named.names
        scanned = scan(matrix, cells, names, choice.remedy, rounding=round)
        whole = _library_size(table.obs, library_size, scanned.totals)
        elsewhere = whole - scanned.totals
        report_progress("choosing the genes", 0.0)
        selection = choose_genes(
            names,
            scanned,
            genes,
            reference,
            elsewhere=bool(elsewhere[scanned.totals > 0].any()),
            ids=named.ids,
        )
        nonempty = np.flatnonzero(scanned.totals > 0)
        rows = _rows(matrix, nonempty, selection, elsewhere[nonempty], streamed=streamed)
        notes = [*table.notes.warnings, *choice.warnings, *_describe_rounding(scanned)]
        notes += [*cell_notes, *named.warnings, *selection.warnings]
        notes += _hint(table.obs, library_size, scanned.totals)
        return Counts(
            cells=cells[nonempty],
            genes=selection.names,
            reference=selection.reference,
            obs=clean_labels(table.obs, cells).iloc[nonempty],
            totals=whole[nonempty] if selection.pool else scanned.totals[nonempty],
            library_size=whole[nonempty],
            report=Report(
                cells_found=len(cells),
                genes_found=int((names != OTHER).sum()),
                layer_reason=choice.reason,
                names_reason=named.reason,
                gene_names=named.column,
                genes_reason=selection.genes_reason,
                reference_reason=selection.reference_reason,
                dropped_cells=tuple(cells[scanned.totals == 0]),
                dropped_genes=tuple(names[scanned.gene_sums == 0]),
                dropped_ids=() if named.ids is None else tuple(named.ids[scanned.gene_sums == 0]),
                n_pooled=selection.n_pooled,
                streamed=streamed,
                warnings=tuple(notes),
                source_reason=" ".join(table.notes.reasons),
            ),
            name=table.name,
            source=table.source,
            layer=choice.name,
            fingerprint=_fingerprint(
                scanned, named.stored, selection, cells[nonempty], whole[nonempty]
            ),
            _rows=rows,
            gene_ids=selection.ids,
        )
    finally:
        if not streamed:
            table.close()


def _describe_rounding(scanned: Scan) -> list[str]:
    if not scanned.n_rounded:
        return []
    return [
        f"{scanned.n_rounded:,} fractional values were rounded, which moved counts by "
        f"{scanned.moved / scanned.totals.sum():.1%} of their total."
    ]


def _stream(matrix: Matrix, backed: bool | None) -> bool:
    return matrix.memory_bytes > memory_budget() if backed is None else bool(backed)


def _rows(
    matrix: Matrix,
    positions: np.ndarray,
    selection: Selection,
    elsewhere: np.ndarray,
    *,
    streamed: bool,
) -> RowStore:
    projection = Projection(selection.columns, selection.pool)
    lazy = StreamedRows(matrix, positions, projection, elsewhere)
    if streamed:
        return lazy
    # In blocks, because a block is widened to float64 on the way.
    parts = [lazy.read(start, stop) for start, stop in row_blocks(len(positions), matrix.shape[1])]
    return MemoryRows(sparse.csr_matrix(sparse.vstack(parts, format="csr")))


def _fingerprint(
    scanned: Scan,
    stored: pd.Index,
    selection: Selection,
    cells: pd.Index,
    library_size: np.ndarray,
) -> str:
    # By the stored names: the choice of gene names does not change the counts.
    genes = pd.Index([*stored[selection.columns], *([OTHER] if selection.pool else [])])
    choices = [selection.reference, float(library_size.sum())]
    return scanned.content.with_choices(genes, cells, choices)


def _library_size(obs: pd.DataFrame, column: str | None, totals: np.ndarray) -> np.ndarray:
    if column is None:
        return totals
    if column not in obs.columns:
        numeric = [str(name) for name in obs.columns if pd.api.types.is_numeric_dtype(obs[name])]
        raise DataError(
            f"a column of obs among {', '.join(numeric)}" if numeric else "a numeric column of obs",
            repr(column),
            "Choose one of them, or leave library_size out.",
        )
    try:
        sizes = obs[column].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            "library sizes that are numbers",
            f"obs[{column!r}] of type {obs[column].dtype}",
            "Choose another column.",
        ) from error
    wrong = ~(np.isfinite(sizes) & (sizes >= totals - 0.5))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "library sizes no smaller than the counts of each cell",
            f"{int(wrong.sum()):,} that are not, the first {sizes[first]:g} for {totals[first]:g} "
            f"counts in obs[{column!r}]",
            "Choose the column that holds total counts over all genes.",
        )
    return np.maximum(np.rint(sizes), totals)


def _hint(obs: pd.DataFrame, column: str | None, totals: np.ndarray) -> list[str]:
    """Hint at a library size that the file offers if none was requested."""
    if column is not None or LIBRARY_SIZE not in obs.columns:
        return []
    try:
        missing = 1 - totals.sum() / _library_size(obs, LIBRARY_SIZE, totals).sum()
    except DataError:
        return []
    if missing < 0.005:
        return []
    return [
        f"obs['{LIBRARY_SIZE}'] says that {missing:.0%} of the counts lie in genes outside these "
        f"data; library_size='{LIBRARY_SIZE}' takes them into account."
    ]
