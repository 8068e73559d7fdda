"""Chooses the genes to model, those to pool, and the reference gene."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.reader_errors import shorten
from engine.data.scan import Scan
from engine.errors import ConfigError, DataError
from engine.genes import OTHER, find_genes

# Parameter of the negative binomial distribution, as the source recommends.
OVERDISPERSION = np.float32(100)
RESIDUAL_VALUES = 2**22

GeneChoice = int | str | Sequence[str]


@dataclass(frozen=True, eq=False)
class Selection:
    """The features of a model.

    Attributes
    ----------
    columns
        Positions of the modelled genes in the layer.
    names
        Their names, ``_other`` appended if something is pooled.
    ids
        Their ids, if the genes have any beside their names.
    pool
        Whether something is pooled.
    reference
        Position in ``names`` of the reference.
    n_pooled
        Number of expressed genes pooled.
    genes_reason, reference_reason
        Why these were chosen, in sentences.
    warnings
        What the user should know, in sentences.
    """

    columns: np.ndarray
    names: pd.Index
    ids: pd.Index | None
    pool: bool
    reference: int
    n_pooled: int
    genes_reason: str
    reference_reason: str
    warnings: tuple[str, ...]


def check_gene_choice(genes: object) -> GeneChoice:
    """A valid ``genes`` argument.

    Raises
    ------
    ConfigError
        If it is neither a positive number, "all", nor a list of names.
    """
    if isinstance(genes, int | np.integer) and not isinstance(genes, bool) and genes > 0:
        return int(genes)
    if isinstance(genes, str) and genes == "all":
        return genes
    if isinstance(genes, Sequence | np.ndarray | pd.Index) and not isinstance(genes, str | bytes):
        names = list(genes)
        if names and all(isinstance(name, str) for name in names):
            return tuple(dict.fromkeys(map(str, names)))
    raise ConfigError(
        "genes to be a number above zero, 'all' or a list of names",
        shorten(repr(genes)),
        "Pass e.g. genes=2000 for the 2000 most variable.",
    )


def choose_genes(
    names: pd.Index,
    scan: Scan,
    genes: GeneChoice,
    reference: str | None,
    *,
    elsewhere: bool,
    ids: pd.Index | None = None,
) -> Selection:
    """Choose features and reference from a scanned layer.

    Parameters
    ----------
    names
        All genes of the layer. One named ``_other`` counts as an earlier pool: it is
        never modelled by itself and joins the new pool.
    ids
        Their ids if they have any; ``genes`` may hold names or ids.
    elsewhere
        Whether the cells have counts in genes that the file does not hold.

    Raises
    ------
    DataError
        If a named gene or reference is unknown or never expressed, or fewer than two
        features are left.
    """
    expressed = scan.gene_sums > 0
    candidates = expressed & (names != OTHER)
    columns, reason, warnings = _select(names, ids, scan, genes, candidates)
    if reference is not None and reference != OTHER:
        position = _expressed_position(names, ids, expressed, reference)
        if position not in columns:
            columns = np.append(columns, position)
            columns = columns if not isinstance(genes, int | str) else np.sort(columns)
            warnings.append(f"The reference {shorten(reference)} was added to the genes.")
    left = expressed.copy()
    left[columns] = False
    pool = elsewhere or bool(left.any())
    n_pooled = int((left & candidates).sum())
    if pool:
        reason += f" The other {n_pooled:,} are pooled into {OTHER}." if n_pooled else ""
        reason += f" {OTHER} holds what lies outside these genes." if not n_pooled else ""
    rest = [OTHER] if pool else []
    features = pd.Index([*names[columns], *rest], dtype=str)
    feature_ids = None if ids is None else pd.Index([*ids[columns], *rest], dtype=str)
    if len(features) < 2:
        raise DataError(
            "at least two features to compare",
            f"only {shorten(features[0]) if len(features) else 'none'}",
            "Choose more genes.",
        )
    place, why = _reference(features, feature_ids, columns, scan, reference, pool=pool)
    return Selection(
        columns, features, feature_ids, pool, place, n_pooled, reason, why, tuple(warnings)
    )


def _select(
    names: pd.Index,
    ids: pd.Index | None,
    scan: Scan,
    genes: GeneChoice,
    candidates: np.ndarray,
) -> tuple[np.ndarray, str, list[str]]:
    positions = np.flatnonzero(candidates)
    if isinstance(genes, str):
        return positions, f"All {len(positions):,} expressed genes are modelled.", []
    if isinstance(genes, int):
        if genes >= len(positions):
            text = f"All {len(positions):,} expressed genes are modelled; {genes:,} were asked for."
            return positions, text, []
        variable = most_variable(scan.sample, positions, scan.gene_sums, genes)
        on = (
            ""
            if scan.sample.shape[0] == len(scan.totals)
            else f", on {scan.sample.shape[0]:,} cells"
        )
        text = f"The {genes:,} most variable of {len(positions):,} expressed genes are modelled"
        return variable, f"{text} (variance of Pearson residuals{on}).", []
    # Genes taken from a fit may include its pooled feature; it is made anew here.
    genes = [name for name in genes if name != OTHER]
    columns = find_genes(genes, names, ids)
    missing = [name for name, place in zip(genes, columns, strict=True) if place < 0]
    if missing:
        raise _unknown(missing, names, "genes")
    silent = [name for name, place in zip(genes, columns, strict=True) if not candidates[place]]
    # A gene may have been named by id and by symbol.
    listed = np.array(list(dict.fromkeys(columns[candidates[columns]].tolist())), dtype=np.intp)
    warnings = []
    if silent:
        shown = ", ".join(shorten(name) for name in silent[:5])
        warnings.append(f"{len(silent):,} of the genes asked for are never expressed ({shown}).")
    return listed, f"The {len(listed):,} genes asked for are modelled.", warnings


def most_variable(
    sample: sparse.csr_matrix, positions: np.ndarray, gene_sums: np.ndarray, n: int
) -> np.ndarray:
    """The n genes of largest variance of analytic Pearson residuals, in ascending position.

    Ties, and genes without counts in the sample, are ordered by their sum over all cells.
    """
    score = residual_variance(sample[:, positions])
    order = np.lexsort((-gene_sums[positions], -score))
    return np.sort(positions[order[:n]])


def residual_variance(counts: sparse.csr_matrix) -> np.ndarray:
    """Variance of each gene's analytic Pearson residuals, (G,); zero where never expressed.

    ``r_cg = (u_cg - m_cg) / sqrt(m_cg + m_cg^2 / 100)`` with ``m_cg = N_c S_g / S``, clipped
    at ``sqrt(C)``: the score of scanpy's flavour "pearson_residuals", whose compilation
    alone takes longer than this takes on ten thousand cells.

    Source: Lause, Berens, Kobak (2021), Genome Biology 22, 258.
    """
    totals = counts.sum(axis=1, dtype=np.float64).A1
    sums = counts.sum(axis=0, dtype=np.float64).A1
    counts = counts[totals > 0]
    rates = (totals[totals > 0] / totals.sum()).astype(np.float32)[:, None]
    bound = np.float32(np.sqrt(len(rates)))
    columns = counts.tocsc()
    variance = np.zeros(len(sums))
    step = max(1, RESIDUAL_VALUES // len(rates))
    for start in range(0, len(sums), step):
        part = slice(start, start + step)
        mean = rates * sums[part].astype(np.float32)
        residual = columns[:, part].toarray()
        residual -= mean
        mean *= 1 + mean / OVERDISPERSION
        np.sqrt(mean, out=mean)
        np.divide(residual, mean, out=residual, where=mean > 0)
        np.clip(residual, -bound, bound, out=residual)
        variance[part] = residual.var(axis=0, dtype=np.float64)
    return variance


def _reference(
    features: pd.Index,
    ids: pd.Index | None,
    columns: np.ndarray,
    scan: Scan,
    reference: str | None,
    *,
    pool: bool,
) -> tuple[int, str]:
    if reference == OTHER and not pool:
        raise DataError(
            f"genes pooled into {OTHER} to be the reference",
            "every expressed gene modelled",
            "Name a gene as the reference, or model fewer genes.",
        )
    if reference is not None:
        place = int(find_genes([reference], features, ids)[0])
        return place, f"The reference is {shorten(features[place])}, as asked."
    if pool:
        return len(features) - 1, f"The reference is {OTHER}, so totals stay true."
    order = np.lexsort((-scan.gene_sums[columns], -scan.gene_cells[columns]))
    place = int(order[0])
    share = scan.gene_cells[columns[place]] / np.count_nonzero(scan.totals)
    text = f"The reference is {shorten(features[place])}, seen in the most cells ({share:.0%})"
    return place, f"{text}: nothing was pooled."


def _expressed_position(
    names: pd.Index, ids: pd.Index | None, expressed: np.ndarray, reference: str
) -> int:
    place = int(find_genes([reference], names, ids)[0])
    if place < 0:
        raise _unknown([reference], names, "a reference gene")
    if not expressed[place]:
        raise DataError(
            "a reference gene with counts",
            f"{shorten(reference)}, never expressed",
            "Choose a gene that most cells express.",
        )
    return place


def _unknown(missing: list[str], names: pd.Index, what: str) -> DataError:
    known = [str(name) for name in names[:50_000]]
    # Names that occur more than once carry their id.
    close = [name for name in known if name.startswith(f"{missing[0]} (")][:3]
    close = close or difflib.get_close_matches(missing[0].upper(), known, 1)
    hint = f" Did you mean {' or '.join(map(shorten, close))}?" if close else ""
    shown = ", ".join(shorten(name) for name in missing[:5])
    return DataError(
        f"{what} of this data set",
        f"{len(missing):,} unknown ({shown})",
        f"Correct or remove the names.{hint}",
    )
