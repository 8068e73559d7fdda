"""differences: genes and factors of one group of cells against another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from engine.comparing import moderated
from engine.comparing.effects_table import effects_table, largest_first
from engine.comparing.groups import Groups, groups_of
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.compilation import keep_compilations
from engine.fitting.estimates import Estimates
from engine.fitting.levels import Level
from engine.registry import family_of
from engine.results import AnyFit

LEAST_DETECTION = 0.05
# Of the information on the mean scores of a group.
_RIDGE = 1e-9
_TOTAL = "Differences are total: what the covariates of the fit explain is in them."
_ADJUSTED = "What the covariates of the fit explain is taken out of the differences."
# Genes about the median, of all, whose axes it has.
_MIDDLE = 0.1
Centre = Literal["precision", "median"]


@dataclass(frozen=True, eq=False)
class Differences:
    """Group A less group B.

    Attributes
    ----------
    genes
        One row a gene that is detected, those first that differ by most at least: ``difference``
        of its CLR level (nats), ``fold_change``, ``standard_error``, ``shrunken`` with its 90 %
        interval (``low_90``, ``high_90``), ``lfsr``, ``s_value``, ``p_value``; ``expressed_a``,
        ``expressed_b`` (shares of the cells), ``per_10k_a``, ``per_10k_b`` (mean counts of 10^4).
    factors
        One row a factor: ``difference`` of its mean score, ``standard_error``, ``lfsr``.
    unit
        ``"cell"`` or ``"donor"``: whose spread the errors have.
    n_a, n_b
        Units of each group.
    notes
        What was left out, or is not told, and why.
    """

    genes: pd.DataFrame
    factors: pd.DataFrame
    unit: Literal["cell", "donor"]
    n_a: int
    n_b: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DifferencesProgress:
    """A step: the share of the work that is done, and at the last what was found."""

    fraction: float
    found: Differences | None = None


def differences(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    donor: str | None = None,
    chosen: bool = False,
    adjusted: bool = False,
    centre: Centre = "precision",
    least_detection: float = LEAST_DETECTION,
) -> Differences:
    """Compare two groups of cells; see `differences_iter`."""
    steps = differences_iter(
        fit,
        counts,
        a,
        b,
        donor=donor,
        chosen=chosen,
        adjusted=adjusted,
        centre=centre,
        least_detection=least_detection,
    )
    *_, last = steps
    if last.found is None:
        raise RuntimeError("the last step has the result")
    return last.found


def differences_iter(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    donor: str | None = None,
    chosen: bool = False,
    adjusted: bool = False,
    centre: Centre = "precision",
    least_detection: float = LEAST_DETECTION,
) -> Iterator[DifferencesProgress]:
    """Compare two groups of cells under a fit, yielding progress.

    Of each group (or donor in a group) the level ``l`` of each gene is fitted, the loadings and d
    of the model held, so that the difference is the whole of it, factors included. Without donors
    its variance is that of the cells' scores and covariates and of counting,

        v' (S_A / n_A + S_B / n_B) v + 1 / sum_A kappa + 1 / sum_B kappa,

    v = (w, b) less its mean over genes; it is for groups of cells that nobody chose by their
    counts. With donors, the difference is
    the mean of those of the donors that both groups have, or that of the means of the donors of
    each, tested by a moderated t. lfsr and s-values are by adaptive shrinkage over all genes.

    Parameters
    ----------
    counts
        Of the fit's genes, matched by name.
    a, b
        (C,) masks of cells of ``counts``; b None: all that are not in a.
    donor
        A column of ``counts.obs``: whom or what the cells are of. The donor is then the unit.
    chosen
        Whether the groups were found in these counts (drawn, or clusters of them). Their test is
        answered before it is asked: effects are told, and no error.
    adjusted
        Of a fit with covariates: whether what these explain is taken out of the difference. They
        are then to be others than those that tell the groups apart.
    centre
        Which genes do not differ on average: weighted by their precision, or their median.
    least_detection
        Share of the cells of a group that express a gene, in one group at least.

    Raises
    ------
    ConfigError
        If the fit has no levels of genes (topics), the groups share cells or are too small, or the
        column of donors is none.
    """
    if not fit.can("differences"):
        raise ConfigError("an LNM or LNMVCP", fit.model, "Compare groups under a fit of factors.")
    if adjusted and not fit.can("covariates"):
        raise ConfigError("a fit with covariates to adjust for", "one without", "Leave it out.")
    counts = counts.matched(fit.genes, fit.gene_ids)
    groups = groups_of(counts, a, b, donor, chosen=chosen)
    if fit.can("covariates"):
        groups = groups._replace(notes=(*groups.notes, _ADJUSTED if adjusted else _TOTAL))
    return _steps(fit, counts, groups, adjusted, centre, least_detection)


def _steps(
    fit: AnyFit, counts: Counts, groups: Groups, adjusted: bool, centre: Centre, least: float
) -> Iterator[DifferencesProgress]:
    keep_compilations()
    yield DifferencesProgress(0.0)
    sets = [counts.take(cells) for cells in groups.sets]
    steps = family_of(fit).levels(fit, sets)
    while True:
        try:
            yield DifferencesProgress(0.98 * next(steps))
        except StopIteration as end:
            found: list[Level] = end.value
            break
    if adjusted:
        known = fit.n_factors
        found = [
            level._replace(
                level=level.level - level.explained,
                axes=level.axes[:, :known],
                spread=level.spread[:known, :known],
            )
            for level in found
        ]
    seen = [_seen(sets, own) for own in (groups.of_a, groups.of_b)]
    shown = fit.is_gene & (np.maximum(seen[0].expressed, seen[1].expressed) >= least)
    if not shown.any():
        raise ConfigError(
            f"a gene that {least:.0%} of the cells of a group express",
            "none",
            "Take a lower least_detection, or other groups.",
        )
    genes, factors = _estimates(fit, found, groups, shown, centre)
    yield DifferencesProgress(1.0, _found(fit, genes, factors, seen, shown, groups))


@dataclass(frozen=True)
class _Seen:
    expressed: np.ndarray
    per_10k: np.ndarray


def _seen(sets: list[Counts], own: list[int]) -> _Seen:
    """What a biologist looks at first: (G,) shares of cells, and mean counts of 10^4."""
    width = sets[0].n_genes
    cells, total, expressed, summed = 0, 0.0, np.zeros(width), np.zeros(width)
    for counts in (sets[j] for j in own):
        matrix = counts.matrix()
        assert matrix is not None
        cells += counts.n_cells
        total += float(counts.totals.sum())
        expressed += np.asarray((matrix > 0).sum(0)).ravel()
        summed += np.asarray(matrix.sum(0)).ravel()
    return _Seen(expressed / cells, 1e4 * summed / total)


def _estimates(
    fit: AnyFit, found: list[Level], groups: Groups, shown: np.ndarray, centre: Centre
) -> tuple[Estimates, Estimates]:
    """Of the genes that are shown and of factors (k,)."""
    loadings, axes = fit.gene_loadings()[shown], found[0].axes[shown]
    precision = 1 / np.sum([level.counting_variance for level in found], axis=0)[shown]
    levels = np.stack([level.level for level in found], axis=1)[shown]
    one, other = levels[:, groups.of_a], levels[:, groups.of_b]
    # So that a median is one of differences.
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

    both = (one, other), (of_factors(one), of_factors(other))
    if not groups.tested:
        means = (first.mean(1) - second.mean(1) for first, second in both)
        genes, factors = (Estimates(value, np.full(len(value), np.nan), 0.0) for value in means)
        return genes, factors
    if groups.paired:
        genes, factors = (moderated.paired(first) for first, _ in both)
        return genes, factors
    if groups.by_donor:
        genes, factors = (moderated.unpaired(first, second) for first, second in both)
        return genes, factors
    spread = np.sum([level.spread / level.n_cells for level in found], axis=0)
    values = [(first - second)[:, 0] for first, second in both]
    scores = of_factors(axes)
    # What varies is a difference as it is told: without its own mean over genes.
    if centre == "median":
        middle = np.abs(values[0]) <= np.quantile(np.abs(values[0]), _MIDDLE)
        axes = axes - axes[middle].mean(0)
    else:
        axes = axes - precision @ axes / precision.sum()
    variance = np.einsum("gi,ij,gj->g", axes, spread, axes, optimize=True) + 1 / precision
    of_scores = np.einsum("gi,ij,gj->g", scores, spread, scores, optimize=True)
    errors = np.sqrt(variance), np.sqrt(of_scores)
    genes, factors = (Estimates(*each, np.inf) for each in zip(values, errors, strict=True))
    return genes, factors


def _gauged(values: np.ndarray, precision: np.ndarray, centre: Centre) -> np.ndarray:
    """Levels (G, n) without the constant that they are known up to."""
    if centre == "median":
        return np.asarray(values - np.median(values, axis=0))
    return np.asarray(values - (precision @ values) / precision.sum())


def _found(
    fit: AnyFit,
    genes: Estimates,
    factors: Estimates,
    seen: list[_Seen],
    shown: np.ndarray,
    groups: Groups,
) -> Differences:
    table = effects_table(genes)
    table.insert(0, "gene", np.asarray(fit.genes[shown]))
    table.insert(2, "fold_change", np.exp(table["difference"]))
    for name, own in zip("ab", seen, strict=True):
        table[f"expressed_{name}"] = own.expressed[shown]
        table[f"per_10k_{name}"] = own.per_10k[shown]
    of_factors = effects_table(factors)[["difference", "standard_error", "lfsr"]]
    of_factors.insert(0, fit.latent, fit.factor_names)
    of_a, of_b = (len(own) for own in (groups.of_a, groups.of_b))
    if not groups.by_donor:
        of_a, of_b = (len(cells) for cells in groups.sets)
    return Differences(
        largest_first(table, "difference"),
        of_factors,
        "donor" if groups.by_donor else "cell",
        of_a,
        of_b,
        groups.notes,
    )
