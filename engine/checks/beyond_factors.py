"""residual_structure: do genes still vary together once the factors of a fit are taken out?

At the posterior mode of a cell, the score ``u - exp(x + e)`` is the derivative of the log density
by the log intensity x of each gene; e is the mode of the gene's residual. If the factors explain
all covariation, scores of genes are correlated only because modes are estimates. Counts drawn from
the fit, with modes estimated in the same way, show how much. So the largest eigenvalue of
``R - mean(R_drawn)``, R the correlations of the observed scores and R_drawn those of drawn counts,
is compared with that of other draws (Rao's score test of one more factor along any direction, by
parametric bootstrap).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from engine.checks.missed_sizes import MissedSizes
from engine.checks.structure_finding import MOST_NAMED, ResidualStructure
from engine.checks.structure_scores import Leading, beyond_chance, leading
from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.fitting.compilation import keep_compilations
from engine.lnm.covariates import mean_of
from engine.lnm.outer_steps import integral_for
from engine.lnm.some_genes import params_of
from engine.results import AnyFit, selection_of
from engine.summaries.labels_explain import MUCH, shares_of
from engine.validation import whole

if TYPE_CHECKING:
    from engine.results import Fit

# Most cells to test.
_ENOUGH = 2000
# Genes that fewer cells express are left out; of more genes, those with most counts are tested.
_FEWEST, _MOST_GENES = 20, 500
# With fewer genes the fixed total correlates all residuals, so no pair is named.
_FEWEST_OF_PAIRS = 10


@dataclass(frozen=True)
class StructureProgress:
    """A step: the share of the work done; the last step has the result."""

    fraction: float
    structure: ResidualStructure | None = None


def residual_structure(fit: AnyFit, counts: Counts, *, seed: int = 0) -> ResidualStructure:
    """Test whether genes vary together beyond the factors; see `residual_structure_iter`."""
    *_, last = residual_structure_iter(fit, counts, seed=seed)
    if last.structure is None:
        raise RuntimeError("the last step has the result")
    return last.structure


def residual_structure_iter(
    fit: AnyFit, counts: Counts, *, seed: int = 0, brief: bool = False
) -> Iterator[StructureProgress]:
    """Test a fit for one more factor along any direction, yielding progress.

    Uses at most 2,000 cells, drawn at random, and 500 genes: half of them have the most counts, the
    others the most counts by what the factors explain; with ``brief`` all have the most counts.

    Parameters
    ----------
    counts
        Cells of the fit; genes matched by name.
    brief
        Whether to stop drawing as soon as the result is clear.

    Raises
    ------
    ConfigError
        If the fit is not an LNM or LNMVCP, or the seed is out of range.
    DataError
        If the counts lack genes of the fit, or fewer than two cells have counts of them.
    """
    if not fit.can("structure"):
        raise ConfigError("a fit of an LNM or LNMVCP", fit.model, "Topics have no such test.")
    whole("seed", seed, 0, 2**32 - 1)
    counts = counts.matched(fit.genes, fit.gene_ids)
    able = np.flatnonzero(counts.totals > 0)
    if len(able) < 2:
        raise DataError("two cells with counts of the fit's genes", "fewer", "Choose other cells.")
    rng = np.random.default_rng([seed, 11])
    chosen = np.sort(rng.choice(able, min(len(able), _ENOUGH), replace=False))
    return _steps(cast("Fit", fit), counts.take(chosen), rng, brief=brief)


def _steps(
    fit: Fit, counts: Counts, rng: np.random.Generator, *, brief: bool
) -> Generator[StructureProgress, None, None]:
    keep_compilations()
    yield StructureProgress(0.0)
    dense = counts.block(0, counts.n_cells).astype(np.float32)
    # Two genes of one count each, in the same cell, would correlate perfectly.
    genes = np.flatnonzero(fit.is_gene & ((dense > 0).sum(0) >= _FEWEST))
    totals = dense[:, genes].sum(0)
    # Without factors: chosen by factors of noise, genes would follow the noise that made these.
    bare_genes = genes[_examined(fit, genes, totals, by_factors=False)]
    genes = genes[_examined(fit, genes, totals, by_factors=not brief)]
    if len(genes) < 2:
        raise DataError(
            f"two genes that {_FEWEST} cells have", f"{len(genes)}", "Fit more cells or genes."
        )
    able = (dense[:, genes].sum(1) > 0) & (dense[:, bare_genes].sum(1) > 0)
    every, counts = dense[able], counts.take(np.flatnonzero(able))
    dense = every[:, genes]
    # Counts of a subset of the genes follow a model of the same form.
    loadings, noise = fit.loadings[genes], fit.noise[genes]
    mean = mean_of(fit, counts.obs)[..., genes]
    params, integral = params_of(mean, loadings, noise), integral_for(fit)
    weak = float((loadings**2).sum()) < float(noise.sum())
    # An automatic choice has already tested that factors are needed, if only for one pair of genes.
    weak &= selection_of(fit) is None
    share = 0.5 if weak and fit.n_factors else 1.0
    steps = leading(params, integral, dense, rng, brief=brief)
    structure = _structure(fit, counts, genes, (yield from _scaled_steps(steps, 0.0, share)))
    if structure.significant or structure.pairs:
        yield StructureProgress(1.0, structure)
        return
    nothing = not fit.n_factors
    # Large factors need no second test.
    if weak and fit.n_factors:
        # Without factors, their variance is residual variance of each gene.
        loadings, noise = fit.loadings[bare_genes], fit.noise[bare_genes]
        own = noise + (loadings**2).sum(1)
        mean = mean_of(fit, counts.obs)[..., bare_genes]
        bare = params_of(mean, np.zeros_like(loadings), own)
        steps = leading(bare, integral, every[:, bare_genes], rng)
        other = yield from _scaled_steps(steps, share, 1.0)
        nothing = not beyond_chance(other.largest, other.expected, other.spread)
        # A single pair, which factors may describe, does not show in the eigenvalue of many genes.
        nothing &= not other.pairs or len(genes) < _FEWEST_OF_PAIRS
    yield StructureProgress(1.0, replace(structure, nothing=nothing))


def _scaled_steps(
    steps: Generator[float, None, Leading], begins: float, ends: float
) -> Generator[StructureProgress, None, Leading]:
    while True:
        try:
            yield StructureProgress(begins + next(steps) * (ends - begins))
        except StopIteration as end:
            return end.value


def _structure(fit: Fit, counts: Counts, genes: np.ndarray, result: Leading) -> ResidualStructure:
    # Sign: the largest weight is positive.
    direction = result.direction * np.sign(result.direction[np.abs(result.direction).argmax()])
    names = fit.genes[genes]
    order = np.argsort(-direction, kind="stable")
    strong = np.abs(direction) > 0.5 * np.abs(direction).max()
    aligned = tuple(names[i] for i in order[:MOST_NAMED] if strong[i] and direction[i] > 0)
    opposed = tuple(names[i] for i in order[::-1][:MOST_NAMED] if strong[i] and direction[i] < 0)
    label, share = "", 0.0
    positions = fit.cells.get_indexer(counts.cells)
    if (positions >= 0).all():
        table = shares_of(result.along[:, None], fit.obs.iloc[positions])["adjusted"]
        if len(table) and table.max() >= MUCH:
            best = int(np.argmax(table.to_numpy()))
            label, share = str(table.index[best][1]), float(table.iloc[best])
    selection = selection_of(fit)
    # A choice of zero factors has tested all pairs already, of more genes.
    tried = () if selection is None or fit.n_factors else selection.tried
    none = any((one.size, one.structure) == (0, False) for one in tried)
    pairs: tuple[tuple[str, str], ...] = ()
    if not none and len(genes) >= _FEWEST_OF_PAIRS:
        pairs = tuple((str(names[one]), str(names[other])) for one, other in result.pairs)
    return ResidualStructure(
        fit.n_factors,
        counts.n_cells,
        result.largest,
        result.expected,
        result.spread,
        aligned,
        opposed,
        label,
        share,
        chosen=selection is not None,
        pairs=pairs,
        none_chosen=none,
        missed=result.missed.mean,
        sizes=_sizes(genes, result.missed),
        rigid=not fit.noise.any(),
    )


def _sizes(genes: np.ndarray, missed: MissedSizes) -> tuple[tuple[int, float, float], ...]:
    if not missed.sizes.any():
        return ()
    values = zip(genes, missed.sizes, missed.shifts, strict=True)
    return tuple((int(gene), float(f"{a:.4g}"), float(f"{b:.4g}")) for gene, a, b in values)


def _examined(fit: Fit, genes: np.ndarray, totals: np.ndarray, *, by_factors: bool) -> np.ndarray:
    """Positions, ascending, of at most `_MOST_GENES` of the genes: those with most counts.

    With ``by_factors`` half of them are chosen by counts times the share of variance that factors
    explain: pairs of such genes are claimed, however rare the genes are.
    """
    order = np.argsort(-totals, kind="stable")
    if by_factors:
        explained = (fit.loadings[genes] ** 2).sum(1)
        share = explained / np.maximum(explained + fit.noise[genes], np.finfo(float).tiny)
        first, rest = np.split(order, [_MOST_GENES // 2])
        order = np.concatenate([first, rest[np.argsort(-(totals * share)[rest], kind="stable")]])
    return np.sort(order[:_MOST_GENES])
