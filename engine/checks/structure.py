"""residual_structure: do genes still vary together once the factors of a fit are taken out?

At the posterior modes of a cell, ``u - exp(x + e)`` is what its counts say against the fit: the
derivative of the log density by the log intensity x of each gene, e being the mode of its residual.
Where the factors are all there is, it is correlated between genes only as far as the modes are
estimates. That much is known from counts drawn from the fit, whose modes are looked for likewise.
So the largest eigenvalue of ``R - mean(R_drawn)``, R the correlations of the observed and R_drawn
those of drawn counts, is compared with that of other draws (Rao's score test of one more factor
along any direction, by parametric bootstrap).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import stats
from scipy.sparse.linalg import eigsh

from engine.checks.posteriors import Posteriors, block_cells, parameters, posteriors
from engine.config.validation import whole
from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.inference.compilation import keep_compilations
from engine.inference.laplace import integral_for
from engine.results import AnyFit, Fit
from engine.summaries.labels_explain import MUCH, shares_of

# Draws for the mean of their correlations, and those that tell how large an eigenvalue may be.
_FOR_MEAN, _FOR_SPREAD = 5, 8
# Cells x genes that are enough, and cells that are few.
_ENOUGH, _FEW = 2**21, 500
# Probability by chance, and excess of the eigenvalue, from which there is something.
_CHANCE, _LEAST = 0.003, 0.1
# No cell counts for more than this many standard deviations, nor a gene that fewer cells have.
_CUT, _FEWEST = 5.0, 20
_NAMED = 4


@dataclass(frozen=True)
class ResidualStructure:
    """What genes share beyond the factors of a fit.

    Attributes
    ----------
    n_factors, n_cells
        Of the fit, and of the cells that were looked at.
    largest
        Eigenvalue of the correlations less those of drawn counts.
    expected, spread
        Mean and standard deviation of the same of counts that are drawn.
    genes, opposed
        Those that vary together most along its eigenvector, and those that go against them.
    label, share
        Column of obs that explains most of the cells' scores along it, and how much (adjusted R²);
        empty if it is less than half.
    """

    n_factors: int
    n_cells: int
    largest: float
    expected: float
    spread: float
    genes: tuple[str, ...]
    opposed: tuple[str, ...]
    label: str = ""
    share: float = 0.0

    @property
    def found(self) -> bool:
        """Whether there is more than chance makes."""
        excess = self.largest - self.expected
        far = stats.t.ppf(1 - _CHANCE, _FOR_SPREAD - 1) * self.spread
        return bool(excess > max(_LEAST, far * np.sqrt(1 + 1 / _FOR_SPREAD)))

    @property
    def words(self) -> str:
        """What to know and what to do; empty if nothing was found."""
        if not self.found:
            return ""
        against = f" against {', '.join(self.opposed)}" if self.opposed else ""
        factors = "factor" if self.n_factors == 1 else f"{self.n_factors} factors"
        said = f"Genes vary together beyond the {factors}: most of all {', '.join(self.genes)}"
        said += f"{against}. "
        if self.label:
            said += f"Of that, {100 * self.share:.0f} % is {self.label}. "
        return f"{said}Take more factors: intervals and claims leave out what these miss."

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> ResidualStructure:
        """The inverse of `to_dict`; KeyError or TypeError if it is of something else."""
        known = {field.name: told[field.name] for field in fields(cls)}
        known |= {name: tuple(map(str, known[name])) for name in ("genes", "opposed")}
        return cls(**known)


@dataclass(frozen=True)
class StructureProgress:
    """A step: the share of the work that is done, and at the last what was found."""

    fraction: float
    structure: ResidualStructure | None = None


def residual_structure(fit: AnyFit, counts: Counts, *, seed: int = 0) -> ResidualStructure:
    """Look for what genes share beyond the factors; see `residual_structure_iter`."""
    *_, last = residual_structure_iter(fit, counts, seed=seed)
    if last.structure is None:
        raise RuntimeError("the last step has the result")
    return last.structure


def residual_structure_iter(
    fit: AnyFit, counts: Counts, *, seed: int = 0
) -> Iterator[StructureProgress]:
    """Test a fit for one more factor along any direction, yielding progress.

    Some two million counts (cells x genes) are looked at, of cells drawn at random, at least 500
    if there are so many.

    Parameters
    ----------
    counts
        Cells of the fit; genes matched by name.

    Raises
    ------
    ConfigError
        If the fit is not an LNM or LNMVCP, or the seed is out of range.
    DataError
        If the counts lack genes of the fit, or fewer than two cells have counts of them.
    """
    if not isinstance(fit, Fit):
        raise ConfigError("a fit of an LNM or LNMVCP", fit.model, "Topics have no such test.")
    whole("seed", seed, 0, 2**32 - 1)
    counts = counts.matched(fit.genes, fit.gene_ids)
    able = np.flatnonzero(counts.totals > 0)
    if len(able) < 2:
        raise DataError("two cells with counts of the fit's genes", "fewer", "Choose other cells.")
    rng = np.random.default_rng([seed, 11])
    n_cells = min(len(able), max(_FEW, _ENOUGH // counts.n_genes))
    chosen = np.sort(rng.choice(able, n_cells, replace=False))
    return _steps(fit, counts.take(chosen), block_cells(counts), rng)


def _steps(
    fit: Fit, counts: Counts, at_once: int, rng: np.random.Generator
) -> Generator[StructureProgress, None, None]:
    keep_compilations()
    yield StructureProgress(0.0)
    n_draws = _FOR_MEAN + _FOR_SPREAD
    seen = counts.block(0, counts.n_cells).astype(np.float32)
    # Two genes of one count each, in the same cell, would correlate perfectly.
    genes = np.flatnonzero(fit.is_gene & ((seen > 0).sum(0) >= _FEWEST))
    if len(genes) < 2:
        raise DataError(
            f"two genes that {_FEWEST} cells have", f"{len(genes)}", "Fit more cells or genes."
        )
    scores, found = _scores(fit, seen, genes, at_once)
    observed = _correlation(scores)
    mean = np.zeros_like(observed)
    largest = []
    for draw in range(n_draws):
        yield StructureProgress((draw + 1) / (n_draws + 1))
        drawn = _correlation(_scores(fit, _drawn(fit, seen, found, rng), genes, at_once)[0])
        if draw < _FOR_MEAN:
            mean += drawn / _FOR_MEAN
        else:
            largest.append(_leading(drawn - mean, rng)[0])
    value, direction = _leading(observed - mean, rng)
    along = scores @ direction
    yield StructureProgress(1.0, _told(fit, counts, genes, (value, direction, along), largest))


def _scores(
    fit: Fit, counts: np.ndarray, genes: np.ndarray, at_once: int
) -> tuple[np.ndarray, list[Posteriors]]:
    """(C, g) standardised scores of some genes, and the posteriors block by block."""
    params, integral = parameters(fit), integral_for(fit)
    parts, blocks = [], []
    for start in range(0, len(counts), at_once):
        own = counts[start : start + at_once]
        # All blocks of one shape: one compilation.
        whole_block = np.resize(own, (at_once, own.shape[1]))
        found = posteriors(params, jnp.asarray(whole_block), integral)
        score = whole_block - np.exp(found.x + found.residual)
        score[found.lost] = 0
        parts.append(score[: len(own), genes])
        blocks.append(found)
    scores = np.concatenate(parts).astype(np.float32)
    scores -= scores.mean(0)
    spread = scores.std(0)
    scores /= np.where(spread > 0, spread, np.inf)
    return np.clip(scores, -_CUT, _CUT), blocks


def _drawn(
    fit: Fit, seen: np.ndarray, found: list[Posteriors], rng: np.random.Generator
) -> np.ndarray:
    """(C, G) counts from the posterior of each cell's factors, its total kept."""
    parts, start = [], 0
    sd = np.sqrt(fit.noise)
    for block in found:
        own = seen[start : start + len(block.centre)]
        start += len(own)
        normal = rng.normal(size=block.centre.shape)[: len(own)]
        moved = np.einsum("cij,cj->ci", block.root[: len(own)], normal)
        x = block.x[: len(own)] + moved[:, :-1] @ fit.loadings.T
        x += sd * rng.normal(size=x.shape)
        share = np.exp(x - x.max(1, keepdims=True)).astype(np.float64)
        share /= share.sum(1, keepdims=True)
        parts.append(rng.multinomial(own.sum(1).astype(np.int64), share))
    return np.concatenate(parts).astype(np.float32)


def _correlation(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores.T @ scores) / len(scores)


def _leading(matrix: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Largest eigenvalue and its eigenvector."""
    if len(matrix) < 20:
        values, vectors = np.linalg.eigh(matrix)
        return float(values[-1]), vectors[:, -1]
    start = rng.normal(size=len(matrix)).astype(matrix.dtype)
    values, vectors = eigsh(matrix, 1, which="LA", v0=start, tol=1e-4)
    return float(values[0]), vectors[:, 0]


def _told(
    fit: Fit,
    counts: Counts,
    genes: np.ndarray,
    found: tuple[float, np.ndarray, np.ndarray],
    largest: list[float],
) -> ResidualStructure:
    value, direction, along = found
    # The largest of a gene's weight is positive.
    direction = direction * np.sign(direction[np.abs(direction).argmax()])
    names = fit.genes[genes]
    order = np.argsort(-direction, kind="stable")
    strong = np.abs(direction) > 0.5 * np.abs(direction).max()
    together = tuple(names[i] for i in order[:_NAMED] if strong[i] and direction[i] > 0)
    opposed = tuple(names[i] for i in order[::-1][:_NAMED] if strong[i] and direction[i] < 0)
    label, share = "", 0.0
    place = fit.cells.get_indexer(counts.cells)
    if (place >= 0).all():
        table = shares_of(along[:, None], fit.obs.iloc[place])["adjusted"]
        if len(table) and table.max() >= MUCH:
            best = int(np.argmax(table.to_numpy()))
            label, share = str(table.index[best][1]), float(table.iloc[best])
    return ResidualStructure(
        fit.n_factors,
        counts.n_cells,
        value,
        float(np.mean(largest)),
        float(np.std(largest, ddof=1)),
        together,
        opposed,
        label,
        share,
    )
