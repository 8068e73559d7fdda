"""Quality of topics and factors: coherence, diversity, and how many are used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from engine.data import Counts
from engine.data.rows import row_blocks
from engine.results import AnyFit

_COHERENT, _DIVERSE = 15, 25
_LEAST = 1e-12


@dataclass(frozen=True)
class Quality:
    """Measures of a fit's topics or factors, regardless of how well it predicts.

    Attributes
    ----------
    coherence
        Mean NPMI of the 15 leading genes, see `coherence`; NaN if no pair of them has counts.
    diversity
        Share of distinct genes among the 25 leading ones of each: 1 if no two share any.
    effective
        How many are used: ``exp(H)``, H the entropy of the topics' mean proportions, or of the
        factors' shares of the variance that they explain.
    """

    coherence: float
    diversity: float
    effective: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def quality(fit: AnyFit, counts: Counts) -> Quality:
    """Measure a fit; coherence is computed on ``counts``, best of held-out cells.

    Raises
    ------
    DataError
        If the counts lack genes of the fit.
    """
    if not fit.n_factors:
        return Quality(float("nan"), float("nan"), 0.0)
    diverse = leading(fit, _DIVERSE)
    shares = np.asarray(fit.mean_shares(), float)
    entropy = special.entr(shares / max(shares.sum(), _LEAST)).sum()
    return Quality(
        coherence=float(
            coherence(leading(fit, _COHERENT), counts.matched(fit.genes, fit.gene_ids))
        ),
        diversity=len(np.unique(np.concatenate(diverse))) / sum(map(len, diverse)),
        effective=float(np.exp(entropy)),
    )


def leading(fit: AnyFit, n: int) -> list[np.ndarray]:
    """Positions of the leading real genes: the n most probable of each topic, or of each factor.

    A factor gives two sets: the n genes with the highest loadings and the n with the lowest.
    """
    real = np.flatnonzero(fit.is_gene)
    weights = fit.programmes()[real]
    order = np.argsort(-weights, axis=0, kind="stable")
    # No gene at both ends.
    size = min(n, max(len(real) // 2, 1) if fit.can("signs") else len(real))
    sets = [real[column[:size]] for column in order.T]
    if fit.can("signs"):
        sets += [real[column[::-1][:size]] for column in order.T]
    return sets


def coherence(sets: list[np.ndarray], counts: Counts) -> float:
    """Mean over sets of the mean normalised pointwise mutual information of their pairs of genes.

    ``log(p_ij / (p_i p_j)) / -log p_ij``, p_i the share of cells with a count of gene i and p_ij
    with counts of both: 1 if they always occur together, 0 if independently, -1 if never
    (Bouma 2009; Lau, Newman & Baldwin 2014). Pairs with a gene that no cell has are left out.

    Notes
    -----
    A gene that every cell has says nothing, and counts as independent: models whose leading genes
    are expressed everywhere score near 0.
    """
    genes = np.unique(np.concatenate(sets))
    both = np.zeros((len(genes), len(genes)))
    for start, stop in row_blocks(counts.n_cells, counts.n_genes):
        expressed = (counts.block(start, stop)[:, genes] > 0).astype(np.float32)
        both += expressed.T @ expressed
    both /= counts.n_cells
    own = np.diag(both)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(both / np.outer(own, own)) / -np.log(both)
    information[both == 0] = -1.0
    information[both == 1] = 0.0
    information[(own == 0)[:, None] | (own == 0)] = np.nan
    means = []
    for members in sets:
        at = np.searchsorted(genes, members)
        pairs = information[np.ix_(at, at)][np.triu_indices(len(at), 1)]
        means.append(pairs[np.isfinite(pairs)])
    known = [pairs.mean() for pairs in means if len(pairs)]
    return float(np.mean(known)) if known else np.nan


def programmes(fit: AnyFit) -> np.ndarray:
    """(G, K) topics or loadings of the real genes, by which fits are compared."""
    # The pooled rest may hold most of the counts, and would make all topics alike.
    return fit.programmes()[fit.is_gene]


def matched_cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Absolute cosines of columns of two (G, K) arrays, paired to maximise their sum; ascending.

    Absolute, because the sign of a factor is arbitrary.
    """
    return np.sort(paired(one, other)[1])


def paired(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column of ``other`` paired with each of ``one``, and their cosines; see `matched_cosines`."""
    units = [part / np.maximum(np.linalg.norm(part, axis=0), _LEAST) for part in (one, other)]
    cosines = np.abs(units[0].T @ units[1])
    rows, columns = optimize.linear_sum_assignment(cosines, maximize=True)
    return columns, cosines[rows, columns]
