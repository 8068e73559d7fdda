"""Uncertainty: how far the correlations and loadings of a fit can be believed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from engine.checks.uncertainty import saving
from engine.checks.uncertainty.blocks import GeneBlocks
from engine.checks.uncertainty.correlation import (
    CorrelationUncertainty,
    delta,
    loadings_variance,
    reach,
)
from engine.checks.uncertainty.draws import Draws
from engine.checks.uncertainty.replicates import Replicates

Method = Literal["delta", "bootstrap", "draws"]
_KINDS: dict[type[GeneBlocks | Replicates | Draws], Method] = {
    GeneBlocks: "delta",
    Replicates: "bootstrap",
    Draws: "draws",
}


class LoadingsUncertainty(NamedTuple):
    """Standard errors and 90 % intervals of CLR loadings, each (G, k)."""

    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Of an LNM or LNMVCP with G features and k factors.

    Attributes
    ----------
    centre, noise
        (G, k) CLR loadings and (G,) d of the fit.
    spread
        Covariances (``"delta"``), replicates of the fit (``"bootstrap"``) or draws of its posterior
        (``"draws"``).
    passes
        How many passes the fit had made: of a run that went on since, this is another fit.
    """

    centre: np.ndarray
    noise: np.ndarray
    spread: GeneBlocks | Replicates | Draws
    passes: int

    @property
    def method(self) -> Method:
        """``"delta"``, ``"bootstrap"`` or ``"draws"``."""
        return _KINDS[type(self.spread)]

    @property
    def n_boot(self) -> int:
        """Number of replicates; 0 without any."""
        return len(self.spread.noise) if isinstance(self.spread, Replicates) else 0

    @property
    def stability(self) -> np.ndarray | None:
        """(k,) mean cosine of each axis with its like in the replicates; None without them."""
        return self.spread.cosines.mean(0) if isinstance(self.spread, Replicates) else None

    def correlation(self, genes: np.ndarray) -> CorrelationUncertainty:
        """Standard error, 90 % interval and local false sign rate of CLR correlations.

        Parameters
        ----------
        genes
            (n,) positions in the fit's genes. Costs O(n^2 k^2), by replicates O(n_boot n^2 k).
        """
        genes = np.asarray(genes, dtype=int)
        if isinstance(self.spread, GeneBlocks):
            return delta(self.centre, self.noise, self.spread, genes)
        return self.spread.correlation(self.centre, self.noise, genes)

    def loadings(self) -> LoadingsUncertainty:
        """Standard errors and 90 % intervals of the CLR loadings on the fit's principal axes.

        The axes are held where they are: how far they themselves may be turned is not in these
        errors; `stability` tells it.
        """
        if isinstance(self.spread, Draws):
            return LoadingsUncertainty(*self.spread.ends())
        if isinstance(self.spread, GeneBlocks):
            error, freedom = np.sqrt(loadings_variance(self.centre, self.spread)), np.inf
        else:
            error, freedom = self.spread.loadings.std(0, ddof=1, dtype=float), self.n_boot - 1
        half = reach(error, freedom)
        return LoadingsUncertainty(error, self.centre - half, self.centre + half)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write as .npz, under a temporary name first.

        Raises
        ------
        FitError
            If the file cannot be written.
        """
        own = {"centre": self.centre, "noise": self.noise, "passes": np.array(self.passes)}
        kept = {f"{self.method}_{name}": value for name, value in self.spread._asdict().items()}
        return saving.write(path, own | kept)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Uncertainty:
        """The inverse of `save`.

        Raises
        ------
        FitError
            If the file is missing, damaged or of something else.
        """
        return saving.read(path, cls._from_arrays)

    @classmethod
    def _from_arrays(cls, arrays: saving.Arrays) -> Uncertainty:
        for kind, method in _KINDS.items():
            if f"{method}_loadings" in arrays:
                spread = kind(*(arrays[f"{method}_{name}"] for name in kind._fields))
                return cls(arrays["centre"], arrays["noise"], spread, int(arrays["passes"]))
        raise KeyError("loadings")
