"""ResidualStructure: how genes vary together beyond the factors of a fit, in numbers and words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.checks.missed_sizes import MissedSizes
from engine.checks.structure_scores import beyond_chance
from engine.results import AnyFit

# Most genes named on each side.
MOST_NAMED = 4
# Larger numbers are damage.
_MOST = 1e9
# Its key in the ``data`` of a fit.
_KEY = "structure"
# If the choice of the number found nothing, a later test must exceed so many times the limit.
_AGAIN = 2.0
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
        Factors of the fit, and cells that were tested.
    largest
        Largest eigenvalue of the correlations less those of drawn counts.
    expected, spread
        Mean and standard deviation of that eigenvalue in drawn counts.
    genes, opposed
        Genes with the largest weights in its eigenvector, and those with the opposite sign.
    label, share
        Column of obs that explains most of the cells' scores along it, and how much (adjusted R²);
        empty if it is less than half.
    nothing
        Whether counts drawn without any factor look the same as these.
    chosen
        Whether the number of factors was chosen from the counts.
    pairs
        Gene names of at most three single pairs that are correlated beyond the factors, the
        furthest off first.
    none_chosen
        Whether zero factors were chosen because the same test found nothing. Its result varies with
        the draws, so a finding now must be twice as large.
    missed
        Root mean square, over pairs, of the correlation that the factors leave out: standard errors
        of correlations contain it. None if an earlier release made the test, which did not measure
        it.
    sizes
        Positions of the genes that were tested, and `MissedSizes` of each. Empty if nothing is
        missed.
    rigid
        Whether genes have no residual of their own in the fit (``d_mode="low_rank"``). If they then
        vary together beyond the factors, no correlation is claimed: what each has by itself is
        taken for factors.
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
    pairs: tuple[tuple[str, str], ...] = ()
    none_chosen: bool = False
    missed: float | None = None
    sizes: tuple[tuple[int, float, float], ...] = ()
    rigid: bool = False

    @property
    def significant(self) -> bool:
        """Whether the largest eigenvalue is beyond those of draws from the fit."""
        times = _AGAIN if self.none_chosen else 1.0
        return beyond_chance(self.largest, self.expected, self.spread, times)

    @property
    def unmeasured(self) -> bool:
        """Whether an earlier release found structure, but not what is missed of each gene."""
        return self.significant and (self.missed is None or (self.missed > 0 and not self.sizes))

    @property
    def claims_nothing(self) -> bool:
        """Whether no correlation is a finding, whatever its errors are."""
        return self.nothing or (self.rigid and self.significant)

    @property
    def near_chance(self) -> bool:
        """Whether the excess passes the plain limit, but not the one for ``none_chosen``."""
        beyond = beyond_chance(self.largest, self.expected, self.spread)
        return self.none_chosen and beyond and not self.significant

    @property
    def words(self) -> str:
        """The finding, and what to do; empty if nothing was found."""
        if self.nothing and self.near_chance:
            return (
                f"{NOTHING} That is a near thing: looked at again, {', '.join(self.genes)} vary "
                "together a little more than by chance. Type a number of factors to look at them."
            )
        if self.nothing:
            return NOTHING
        if not self.significant:
            return self._of_pairs
        said = self._shared
        said += "If that is technical, make it a covariate. " if self.label else ""
        if self.chosen and not self.n_factors:
            said += "That is too weak to choose by: type a number of factors to look at it. "
        elif self.chosen:
            said += "More factors predict counts of held-out cells no better. "
        else:
            said += "Take more factors. "
        return f"{said}{self._widened}{' Learn d.' if self.rigid else ''}"

    @property
    def finding(self) -> str:
        """The finding without advice, for a methods section."""
        if self.nothing:
            return NOTHING
        return f"{self._shared}{self._widened}" if self.significant else self._of_pairs

    @property
    def _shared(self) -> str:
        against = f" against {', '.join(self.opposed)}" if self.opposed else ""
        said = f"Genes vary together{self._beyond}: most of all {', '.join(self.genes)}"
        said += f"{against}. "
        if self.label:
            said += f"Of that, {100 * self.share:.0f} % is {self.label}. "
        return said

    @property
    def _widened(self) -> str:
        if self.rigid:
            return (
                "Genes have no residual here (d = 0), so that what one has by itself is taken for "
                "what it shares: no correlation is claimed."
            )
        if not self.missed:
            return "Intervals and claims leave out what these miss."
        most = max((size for _, size, _ in self.sizes), default=self.missed)
        return (
            "Correlations leave out what these miss; their errors contain how large it is for each "
            f"gene, {self.missed:.2g} for a pair on average and up to {most:.2g}."
        )

    def is_of(self, count: int) -> bool:
        """Whether there are such genes in a fit of ``count`` of them."""
        return all(gene < count for gene, _, _ in self.sizes)

    def missed_by_gene(self, count: int) -> MissedSizes:
        """What is missed of each of the ``count`` genes; of one not tested as on average."""
        mean = self.missed or 0.0
        if not self.sizes:
            return MissedSizes(np.full(count, mean), np.zeros(count), mean)
        genes, *values = map(np.array, zip(*self.sizes, strict=True))
        sizes, shifts = (np.full(count, own.mean()) for own in values)
        sizes[genes], shifts[genes] = values
        return MissedSizes(sizes, shifts, mean)

    @property
    def _beyond(self) -> str:
        return {0: ", and there is no factor", 1: " beyond the factor"}.get(
            self.n_factors, f" beyond the {self.n_factors} factors"
        )

    @property
    def _of_pairs(self) -> str:
        """The finding if only single pairs of genes are correlated beyond the factors."""
        if not self.pairs:
            return ""
        named = ", ".join(" and ".join(pair) for pair in self.pairs)
        said, them = f"{named} are correlated{self._beyond}.", "this pair"
        if len(self.pairs) > 1:
            said, them = f"Pairs of genes are correlated{self._beyond}: {named}.", "these pairs"
        return (
            f"{said} Factors carry what many genes share, and take what two share for noise of "
            f"each: what this fit says of {them} does not hold."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> ResidualStructure:
        """The inverse of `to_dict`; KeyError, TypeError or ValueError if values are wrong."""
        aligned, opposed = (
            tuple(str(name) for name in list(values[side])[:MOST_NAMED])
            for side in ("genes", "opposed")
        )
        return cls(
            n_factors=int(values["n_factors"]),
            n_cells=int(values["n_cells"]),
            largest=_finite(values["largest"]),
            expected=_finite(values["expected"]),
            spread=_finite(values["spread"]),
            genes=aligned,
            opposed=opposed,
            label=str(values["label"]),
            share=float(values["share"]),
            nothing=bool(values.get("nothing", False)),
            chosen=bool(values.get("chosen", False)),
            pairs=tuple((str(one), str(other)) for one, other in values.get("pairs", ())),
            none_chosen=bool(values.get("none_chosen", False)),
            missed=_share(values.get("missed")),
            sizes=tuple(
                (_position(gene), _size(size), _finite(shift))
                for gene, size, shift in values.get("sizes", ())
            ),
            rigid=bool(values.get("rigid", False)),
        )


def _share(value: Any) -> float | None:
    return None if value is None else _size(value)


def _position(value: Any) -> int:
    if int(value) < 0:
        raise ValueError(f"{value} is no position of a gene")
    return int(value)


def _finite(value: Any) -> float:
    if not abs(float(value)) < _MOST:
        raise ValueError(f"{value} is no eigenvalue or covariance")
    return float(value)


def _size(value: Any) -> float:
    size = float(value)
    if not 0 <= size <= 1:
        raise ValueError(f"{size} is no size of a correlation")
    return size


def structure_of(fit: AnyFit) -> ResidualStructure | None:
    """The structure that is saved with a fit; None if it was not tested, or cannot be read."""
    try:
        known = ResidualStructure.of(fit.data[_KEY])
    except (KeyError, TypeError, ValueError):
        return None
    return known if known.is_of(len(fit.genes)) else None


def structure_words(fit: AnyFit) -> str:
    """The finding of `structure_of` in words, and what to do; empty if there is none."""
    known = structure_of(fit)
    return "" if known is None else known.words


def with_structure(fit: AnyFit, result: ResidualStructure) -> AnyFit:
    """The fit with the structure in its ``data``, where `structure_of` reads it."""
    return fit.changed(data=fit.data | {_KEY: result.to_dict()})
