"""Levels of sets of cells -> estimates of how two groups differ, in genes and in factors."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from engine.comparing import moderated
from engine.comparing.groups import Groups
from engine.fitting.estimates import Estimates
from engine.fitting.levels import Level
from engine.results import AnyFit

Centre = Literal["precision", "median"]
# Added to the information on the mean scores of a group.
_RIDGE = 1e-9
# Share of genes nearest to the median, over which its axes are averaged.
_MIDDLE = 0.1


class Estimated(NamedTuple):
    """Differences of two groups.

    Attributes
    ----------
    genes, factors
        Of the genes shown, and of factors (k,).
    scores, explained
        (k, n) mean scores of each set beyond those of the fit, and the part that the covariates of
        the cells explain.
    """

    genes: Estimates
    factors: Estimates
    scores: np.ndarray
    explained: np.ndarray


def estimated(
    fit: AnyFit, set_levels: list[Level], groups: Groups, shown: np.ndarray, centre: Centre
) -> Estimated:
    """Estimate how groups differ from the levels of their sets, in the genes shown (mask)."""
    loadings, axes = fit.gene_loadings()[shown], set_levels[0].axes[shown]
    precision = 1 / np.sum([level.counting_variance for level in set_levels], axis=0)[shown]
    levels = np.stack([level.level for level in set_levels], axis=1)[shown]
    explained = np.stack([level.explained for level in set_levels], axis=1)[shown]
    one, other = levels[:, groups.of_a], levels[:, groups.of_b]
    # Relative to B, so that a median is one of differences.
    base = other if groups.paired else other.mean(1, keepdims=True)
    one, other = one - base, other - base
    # CLR loadings are centred by a plain mean.
    loadings = loadings - precision @ loadings / precision.sum()
    weighted = loadings.T * precision

    def of_factors(values: np.ndarray) -> np.ndarray:
        """(k, n) mean scores that explain most of levels (G, n)."""
        values = values - precision @ values / precision.sum()
        information = weighted @ loadings + _RIDGE * np.eye(loadings.shape[1])
        return np.asarray(np.linalg.solve(information, weighted @ values))

    one, other = (_gauged(each, precision, centre) for each in (one, other))
    means = of_factors(levels), of_factors(explained)
    both = (one, other), (of_factors(one), of_factors(other))
    if groups.by_donor or not groups.tested:
        genes, factors = (moderated.between(*each, groups) for each in both)
        return Estimated(genes, factors, *means)
    spread = np.sum([level.spread / level.n_cells for level in set_levels], axis=0)
    values = [(first - second)[:, 0] for first, second in both]
    scores = of_factors(axes)
    # The axes are centred over genes as the differences are.
    if centre == "median":
        middle = np.abs(values[0]) <= np.quantile(np.abs(values[0]), _MIDDLE)
        axes = axes - axes[middle].mean(0)
    else:
        axes = axes - precision @ axes / precision.sum()
    variance = np.einsum("gi,ij,gj->g", axes, spread, axes, optimize=True) + 1 / precision
    of_scores = np.einsum("gi,ij,gj->g", scores, spread, scores, optimize=True)
    independent = _independent(axes, spread, variance)
    genes = Estimates(values[0], np.sqrt(variance), np.inf, independent)
    factors = Estimates(values[1], np.sqrt(of_scores), np.inf)
    return Estimated(genes, factors, *means)


def _independent(axes: np.ndarray, spread: np.ndarray, variance: np.ndarray) -> float:
    """Effective number of independent errors, as a share of them: G / sum of squared correlations.

    Errors share the mean scores of a group, along axes (G, q) with covariance ``spread`` (q, q);
    ``variance`` (G,) has that of counting too.
    """
    if not axes.shape[1]:
        return 1.0
    lengths = np.einsum("gi,ij,gj->g", axes, spread, axes, optimize=True) / variance
    scaled = axes / np.sqrt(variance)[:, None]
    common = (scaled.T @ scaled) @ spread
    squares = float(np.einsum("ij,ji->", common, common)) - float((lengths**2).sum())
    return len(axes) / (len(axes) + max(squares, 0.0))


def _gauged(values: np.ndarray, precision: np.ndarray, centre: Centre) -> np.ndarray:
    """Levels (G, n) centred over genes, as they are known up to a constant."""
    if centre == "median":
        return np.asarray(values - np.median(values, axis=0))
    return np.asarray(values - (precision @ values) / precision.sum())
