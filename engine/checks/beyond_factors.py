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
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

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

# Cells that are enough.
_ENOUGH = 2000
# A gene that fewer cells have is not looked at, and of more genes those with most counts.
_FEWEST, _MOST_GENES = 20, 500
_NAMED = 4
# Under which it stands in the ``data`` of a fit.
_KEY = "structure"
NOTHING = (
    "There is nothing to find that can be told from noise: counts drawn without any factor look "
    "the same as these, so no correlation is a finding."
)


@dataclass(frozen=True)
class ResidualStructure:
    """Structure beyond the factors of a fit: how strongly genes still vary together.

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
    nothing
        Whether counts drawn without any factor look the same as these.
    chosen
        Whether the number of factors was chosen from the counts.
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
    nothing: bool = False
    chosen: bool = False

    @property
    def significant(self) -> bool:
        """Whether the largest eigenvalue is beyond those of draws from the fit."""
        return beyond_chance(self.largest, self.expected, self.spread)

    @property
    def words(self) -> str:
        """The finding, and what to do; empty if nothing was found."""
        if self.nothing:
            return NOTHING
        if not self.significant:
            return ""
        against = f" against {', '.join(self.opposed)}" if self.opposed else ""
        beyond = f" beyond the {self.n_factors} factors"
        beyond = {0: ", and there is no factor", 1: " beyond the factor"}.get(
            self.n_factors, beyond
        )
        said = f"Genes vary together{beyond}: most of all {', '.join(self.genes)}"
        said += f"{against}. "
        if self.label:
            said += f"Of that, {100 * self.share:.0f} % is {self.label}. "
        if self.chosen and not self.n_factors:
            said += "That is too weak to choose by: type a number of factors to look at it. "
        elif self.chosen:
            said += "More factors predict counts of held-out cells no better. "
        else:
            said += "Take more factors. "
        return f"{said}Intervals and claims leave out what these miss."

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> ResidualStructure:
        """The inverse of `to_dict`; KeyError, TypeError or ValueError if it is of others."""
        together, opposed = (
            tuple(str(name) for name in list(told[side])[:_NAMED]) for side in ("genes", "opposed")
        )
        return cls(
            n_factors=int(told["n_factors"]),
            n_cells=int(told["n_cells"]),
            largest=float(told["largest"]),
            expected=float(told["expected"]),
            spread=float(told["spread"]),
            genes=together,
            opposed=opposed,
            label=str(told["label"]),
            share=float(told["share"]),
            nothing=bool(told.get("nothing", False)),
            chosen=bool(told.get("chosen", False)),
        )


def structure_of(fit: AnyFit) -> ResidualStructure | None:
    """The structure that is saved with a fit; None if it was not tested, or cannot be read."""
    try:
        return ResidualStructure.of(fit.data[_KEY])
    except (KeyError, TypeError, ValueError):
        return None


def structure_words(fit: AnyFit) -> str:
    """The finding of `structure_of` in words, and what to do; empty if there is none."""
    known = structure_of(fit)
    return "" if known is None else known.words


def with_structure(fit: AnyFit, result: ResidualStructure) -> AnyFit:
    """The fit with the structure in its ``data``, where `structure_of` reads it."""
    return fit.changed(data=fit.data | {_KEY: result.to_dict()})


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
    fit: AnyFit, counts: Counts, *, seed: int = 0, brief: bool = False
) -> Iterator[StructureProgress]:
    """Test a fit for one more factor along any direction, yielding progress.

    At most 2,000 cells are looked at, drawn at random, and the 500 genes with most counts.

    Parameters
    ----------
    counts
        Cells of the fit; genes matched by name.
    brief
        Whether fewer draws will do where the answer is plain.

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
    seen = counts.block(0, counts.n_cells).astype(np.float32)
    # Two genes of one count each, in the same cell, would correlate perfectly.
    genes = np.flatnonzero(fit.is_gene & ((seen > 0).sum(0) >= _FEWEST))
    most = np.argsort(-seen[:, genes].sum(0), kind="stable")[:_MOST_GENES]
    genes = genes[np.sort(most)]
    if len(genes) < 2:
        raise DataError(
            f"two genes that {_FEWEST} cells have", f"{len(genes)}", "Fit more cells or genes."
        )
    seen = seen[:, genes]
    able = seen.sum(1) > 0
    seen, counts = seen[able], counts.take(np.flatnonzero(able))
    # The counts of some genes among themselves have a model of the same form.
    loadings, noise = fit.loadings[genes], fit.noise[genes]
    mean = mean_of(fit, counts.obs)[..., genes]
    params, integral = params_of(mean, loadings, noise), integral_for(fit)
    weak = float((loadings**2).sum()) < float(noise.sum())
    # Factors that were chosen were found to be needed: by a pair of genes, if not by all of them.
    weak &= selection_of(fit) is None or not fit.n_factors
    share = 0.5 if weak else 1.0
    found = yield from _told_of(leading(params, integral, seen, rng, brief=brief), 0.0, share)
    nothing = False
    # Where factors are large, that they are there is plain.
    if weak and not beyond_chance(found.largest, found.expected, found.spread):
        # What they vary is then residual variance of each gene by itself.
        own = noise + (loadings**2).sum(1)
        bare = params_of(mean, np.zeros_like(loadings), own)
        other = yield from _told_of(leading(bare, integral, seen, rng), share, 1.0)
        nothing = not beyond_chance(other.largest, other.expected, other.spread)
    yield StructureProgress(1.0, _structure(fit, counts, genes, found, nothing=nothing))


def _told_of(
    steps: Generator[float, None, Leading], begins: float, ends: float
) -> Generator[StructureProgress, None, Leading]:
    while True:
        try:
            yield StructureProgress(begins + next(steps) * (ends - begins))
        except StopIteration as end:
            return end.value


def _structure(
    fit: Fit, counts: Counts, genes: np.ndarray, result: Leading, *, nothing: bool
) -> ResidualStructure:
    # The largest of a gene's weight is positive.
    direction = result.direction * np.sign(result.direction[np.abs(result.direction).argmax()])
    names = fit.genes[genes]
    order = np.argsort(-direction, kind="stable")
    strong = np.abs(direction) > 0.5 * np.abs(direction).max()
    together = tuple(names[i] for i in order[:_NAMED] if strong[i] and direction[i] > 0)
    opposed = tuple(names[i] for i in order[::-1][:_NAMED] if strong[i] and direction[i] < 0)
    label, share = "", 0.0
    place = fit.cells.get_indexer(counts.cells)
    if (place >= 0).all():
        table = shares_of(result.along[:, None], fit.obs.iloc[place])["adjusted"]
        if len(table) and table.max() >= MUCH:
            best = int(np.argmax(table.to_numpy()))
            label, share = str(table.index[best][1]), float(table.iloc[best])
    return ResidualStructure(
        fit.n_factors,
        counts.n_cells,
        result.largest,
        result.expected,
        result.spread,
        together,
        opposed,
        label,
        share,
        nothing,
        selection_of(fit) is not None,
    )
