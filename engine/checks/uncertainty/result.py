"""Uncertainty of the correlations and loadings of a fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Self

import numpy as np

from engine.checks.missed_sizes import MissedSizes
from engine.checks.structure_finding import ResidualStructure
from engine.checks.uncertainty import saving
from engine.checks.uncertainty.delta_method import (
    LARGEST,
    Estimates,
    Moments,
    as_normal,
    by_closure,
    delta,
    loadings_variance,
    reach,
    widened,
)
from engine.checks.uncertainty.draws import Draws
from engine.checks.uncertainty.gene_blocks import GeneBlocks
from engine.checks.uncertainty.replicates import Replicates
from engine.checks.uncertainty.shrinkage import SMALL, Prior, Small, learned, shrink

Method = Literal["delta", "bootstrap", "draws"]
_KINDS: dict[type[GeneBlocks | Replicates | Draws], Method] = {
    GeneBlocks: "delta",
    Replicates: "bootstrap",
    Draws: "draws",
}

# Genes from whose pairs, some 50,000, the prior is learned.
_LEARNED_FROM = 317
# With so few features, or fewer, closure alone makes correlations of 0.1 and more.
_FEW = 10


class CorrelationUncertainty(NamedTuple):
    """Uncertainty of n genes, each (n, n) and symmetric.

    Attributes
    ----------
    correlation
        As by `engine.summaries.clr_correlation`.
    standard_error
        Of the correlation; infinite where a gene does not vary.
    low, high
        Its 90 % interval by itself, regardless of other pairs (raw).
    lfsr
        Local false sign rate, with a prior learned from all pairs of the fit: probability that the
        true correlation is zero or has the other sign.
    shrunken, shrunken_low, shrunken_high
        The correlation and its 90 % interval, with the same prior.
    fsos
        "False sign or small": probability that the true correlation does not have this sign or is
        not larger than `engine.checks.uncertainty.shrinkage.SMALL` (of up to ten features also:
        than by closure alone). A pair with a small fsos is claimed. 1 without factors, and if
        ``structure`` says that counts without factors look the same: correlations are then those of
        closure.
    s_value
        Mean fsos of all pairs of the fit whose fsos is no larger.
    """

    correlation: np.ndarray
    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lfsr: np.ndarray
    shrunken: np.ndarray
    shrunken_low: np.ndarray
    shrunken_high: np.ndarray
    fsos: np.ndarray
    s_value: np.ndarray


class LoadingsUncertainty(NamedTuple):
    """Uncertainty of CLR loadings, each (G, k).

    Attributes
    ----------
    standard_error, low, high
        Of each loading by itself, with its 90 % interval.
    lfsr
        Local false sign rate, with a prior learned from all loadings of its factor.
    """

    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lfsr: np.ndarray


@dataclass(frozen=True, eq=False)
class Uncertainty(saving.Saved):
    """Uncertainty of an LNM or LNMVCP with G features and k factors.

    Attributes
    ----------
    centre, noise
        (G, k) CLR loadings and (G,) d of the fit.
    spread
        Covariances (``"delta"``), replicates of the fit (``"bootstrap"``) or draws of its posterior
        (``"draws"``).
    passes
        Passes that the fit had made, to tell it from later fits of a run that went on.
    structure
        How genes vary together beyond the factors, if that was tested.
    """

    centre: np.ndarray
    noise: np.ndarray
    spread: GeneBlocks | Replicates | Draws
    passes: int
    structure: ResidualStructure | None = None

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
        """(k,) mean cosine of each axis with its match in the replicates; None without them."""
        return self.spread.cosines.mean(0) if isinstance(self.spread, Replicates) else None

    def correlation(self, genes: np.ndarray) -> CorrelationUncertainty:
        """Uncertainty of CLR correlations, by themselves and given those of all other pairs.

        Values of a pair do not depend on the other genes requested.

        Parameters
        ----------
        genes
            (n,) positions in the fit's genes. Costs O(n^2 k^2), by replicates O(n_boot n^2 k).
        """
        genes = np.asarray(genes, dtype=int)
        own = self.estimates(genes)
        shape, upper = own.correlation.shape, np.triu_indices(len(genes), 1)
        z = np.arctanh(np.clip(own.correlation[upper], -LARGEST, LARGEST))
        posterior = shrink(
            z,
            own.fisher_error[upper],
            self.prior,
            self._small(genes, z),
            self._missed(genes)[upper],
        )
        if not self.centre.shape[1] or (self.structure and self.structure.claims_nothing):
            posterior = posterior._replace(fsos=np.ones_like(z), s_value=np.ones_like(z))
        whole = []
        for values, of_itself in zip(posterior, (1, 1, 1, 0, 0, 0), strict=True):
            table = np.full(shape, of_itself, float)
            table[upper] = table.T[upper] = values
            whole.append(table)
        shrunken, low, high, lfsr, fsos, s_value = whole
        return CorrelationUncertainty(
            own.correlation,
            own.standard_error,
            own.low,
            own.high,
            lfsr,
            shrunken,
            low,
            high,
            fsos,
            s_value,
        )

    def estimates(self, genes: np.ndarray) -> Estimates:
        """CLR correlations of genes (positions) and their errors, each pair by itself.

        Errors contain the correlation that factors leave out, by its size for both genes.
        """
        return widened(self._of_fit(genes), self._missed(genes))

    def _of_fit(self, genes: np.ndarray) -> Estimates:
        """The same without what factors leave out."""
        if isinstance(self.spread, GeneBlocks):
            return delta(self.centre, self.noise, self.spread, genes)
        return self.spread.correlation(self.centre, self.noise, genes)

    def _missed(self, genes: np.ndarray) -> np.ndarray:
        """(n, n) size of what factors leave out."""
        known = self.structure
        if known is None or known.nothing:
            return np.zeros((len(genes), len(genes)))
        every = known.missed_by_gene(len(self.centre))
        own = MissedSizes(every.sizes[genes], every.shifts[genes], every.mean)
        return own.of_pairs(np.sqrt((self.centre[genes] ** 2).sum(1) + self.noise[genes]))

    @cached_property
    def prior(self) -> Prior:
        """Distribution of the correlations in this fit, learned from those of many genes."""
        count = len(self.centre)
        genes = np.arange(count)
        if count > _LEARNED_FROM:
            genes = np.random.default_rng(0).choice(count, _LEARNED_FROM, replace=False)
        own = self._of_fit(genes)
        upper = np.triu_indices(len(genes), 1)
        z = np.arctanh(np.clip(own.correlation[upper], -LARGEST, LARGEST))
        small = self._small(genes, z)
        prior = learned(z, own.fisher_error[upper], small=small)
        missed = self._missed(genes)
        if not missed.any():
            return prior
        return prior.rated(z, widened(own, missed).fisher_error[upper], small, missed[upper])

    def _small(self, genes: np.ndarray, z: np.ndarray) -> Small:
        """Size that correlations of the pairs, with estimates z, must exceed to be claimed."""
        if len(self.centre) > _FEW:
            return SMALL
        every = Moments.of(self.centre, self.noise, np.arange(len(self.centre)))
        alone = by_closure(every.variance)[np.ix_(genes, genes)][np.triu_indices(len(genes), 1)]
        return np.clip(np.sign(z) * alone, SMALL, LARGEST)

    def loadings(self) -> LoadingsUncertainty:
        """Standard errors, 90 % intervals and false sign rates of loadings on principal axes.

        The axes are held fixed: these errors leave out how far the axes may rotate, see
        `stability`.
        """
        return self._loadings

    @cached_property
    def _loadings(self) -> LoadingsUncertainty:
        freedom = np.inf
        if isinstance(self.spread, Draws):
            error, low, high = self.spread.ends()
        else:
            if isinstance(self.spread, GeneBlocks):
                error = np.sqrt(loadings_variance(self.centre, self.spread))
            else:
                error = self.spread.loadings.std(0, ddof=1, dtype=float)
                freedom = self.n_boot - 1
            half = reach(error, freedom)
            low, high = self.centre - half, self.centre + half
        lfsr = np.empty(error.shape)
        for factor, (own, sd) in enumerate(zip(self.centre.T, error.T, strict=True)):
            sd = as_normal(own, sd, freedom)
            lfsr[:, factor] = shrink(own, sd, learned(own, sd)).lfsr
        return LoadingsUncertainty(error, low, high, lfsr)

    def to_arrays(self) -> saving.Arrays:
        """The arrays to save, with the structure as bytes of JSON."""
        own = {"centre": self.centre, "noise": self.noise, "passes": np.array(self.passes)}
        if self.structure is not None:
            encoded = json.dumps(self.structure.to_dict()).encode()
            own["structure"] = np.frombuffer(encoded, np.uint8)
        parts = {f"{self.method}_{name}": value for name, value in self.spread._asdict().items()}
        return own | parts

    @classmethod
    def from_arrays(cls, arrays: saving.Arrays) -> Self:
        """The inverse of `to_arrays`."""
        for kind, method in _KINDS.items():
            if f"{method}_loadings" in arrays:
                spread = kind(*(arrays[f"{method}_{name}"] for name in kind._fields))
                encoded = arrays.get("structure")
                structure = (
                    None if encoded is None else ResidualStructure.of(json.loads(encoded.tobytes()))
                )
                if structure is not None and not structure.is_of(len(arrays["centre"])):
                    raise ValueError("structure of other genes")
                passes = int(arrays["passes"])
                return cls(arrays["centre"], arrays["noise"], spread, passes, structure)
        raise KeyError("loadings")
