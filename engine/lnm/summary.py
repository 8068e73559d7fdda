"""Summaries of a fit of factors: the tables of `engine.summaries` for this model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from engine.fitting.estimates import Estimates
from engine.fitting.summarised import Bounded, CellResiduals, next_best
from engine.fitting.vocabulary import Capability, Measure, Quantity
from engine.fitting.words import Methods
from engine.lnm import words
from engine.lnm.arrays import FactorArrays
from engine.lnm.contrast import contrast
from engine.lnm.covariates import own_covariates
from engine.per_fit import per_fit

# Share of the bound from which a gene sits at it.
_NEAR = 0.999


class FactorSummary(FactorArrays):
    """The part of `engine.fitting.model.FittedModel` that needs the arrays of a fit alone."""

    measures: tuple[Measure, ...] = ("loading", "distinctiveness")

    def can(self, what: Capability) -> bool:
        """Whether the fit has this, see `engine.fitting.model.FittedModel`."""
        own = {
            "capture": self.capture is not None,
            "covariates": self.design is not None,
            "anchored_totals": self.config.capture and self.config.capture_prior == "anchored",
            "more_residuals": self.config.d_mode == "low_rank",
        }
        return own.get(what, what not in ("mixtures", "topic_uncertainty"))

    def cell_weights(self) -> np.ndarray:
        """(C, k) scores."""
        return self.scores

    def cell_weights_sd(self) -> np.ndarray | None:
        """(C, k) posterior standard deviations of the scores."""
        return self.scores_sd

    def coordinates(self) -> np.ndarray:
        """(C, k) scores."""
        return self.scores

    def cell_quantity(self, of: Quantity) -> np.ndarray | None:
        """(C,) capture efficiencies, if there are any, or log-marginals."""
        if of == "log_marginal":
            return self.log_marginal
        return None if self.capture is None else np.asarray(self.capture.efficiency)

    def cell_quantity_sd(self, of: Quantity) -> np.ndarray | None:
        """(C,) posterior standard deviations of capture efficiencies, if there are any."""
        if of == "log_marginal" or self.capture is None:
            return None
        return np.asarray(self.capture.efficiency_sd)

    def programmes(self) -> np.ndarray:
        """(G, k) loadings."""
        return self.loadings

    def gene_loadings(self) -> np.ndarray:
        """(G, k) CLR loadings, nats."""
        return self.loadings

    def gene_weights(self, loadings: pd.DataFrame) -> pd.DataFrame:
        """The loadings of the real genes themselves."""
        return loadings

    def gene_information(self) -> pd.Series:
        """CLR variance of each real gene that the factors carry, ``|w_g|^2``."""
        table = pd.DataFrame(self.loadings, index=self.genes, columns=self.factor_names)
        return (table[self.is_gene] ** 2).sum(axis=1)

    def gene_spread(self) -> np.ndarray:
        """(G,) what the factors add to the variance of a count, relative to its mean."""
        spread = (self.loadings**2).sum(1)
        logits = self.mean_clr + 0.5 * (spread + self.noise)
        return np.asarray(np.exp(logits - logits.max()) * spread)

    def shares(self) -> np.ndarray:
        """(k,) share of the total CLR variance of the modelled features."""
        count = len(self.genes)
        total = (self.loadings**2).sum() + self.noise.sum() * (1 - 1 / count)
        return np.asarray((self.loadings**2).sum(0) / total)

    def mean_shares(self) -> np.ndarray:
        """(k,) `shares`."""
        return self.shares()

    def profiles(self) -> np.ndarray:
        """(G, k) of no negative number, not all zero: squared loadings."""
        weights = np.asarray(self.loadings.astype(float) ** 2)
        weights[:, weights.sum(0) <= 0] = 1
        return weights

    @property
    def within(self) -> str:
        """Covariates within whose levels the factors vary."""
        return self.design.within if self.design is not None else ""

    def covariate_effects(self) -> tuple[tuple[str, str, Estimates], ...]:
        """Label, term and CLR effect (G,) of each fixed covariate."""
        columns = () if self.design is None else self.design.columns
        return tuple(
            (column.label, column.term, found)
            for column, found in zip(columns, self.coefficients, strict=False)
        )

    def residual_variance(self) -> np.ndarray | None:
        """(G,) variances d of the logits beside the factors."""
        return self.noise

    def clr_mean(self) -> np.ndarray:
        """(G,) mean logits, centred, nats."""
        return self.mean_clr

    def clr_variance(self) -> np.ndarray:
        """(G,) ``|w_g|^2 + d_g (1 - 2/G) + sum(d)/G^2``."""
        count = len(self.genes)
        factors = (self.loadings**2).sum(1)
        return np.asarray(factors + self.noise * (1 - 2 / count) + self.noise.sum() / count**2)

    def clr_covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(rows, columns) model covariances of CLR coordinates, at positions of genes."""
        count = len(self.genes)
        left = self.loadings[rows]
        # The product of an array with itself is exactly symmetric.
        right = left if rows is columns else self.loadings[columns]
        covariance = left @ right.T
        covariance -= (self.noise[rows][:, None] + self.noise[columns][None, :]) / count
        covariance += self.noise.sum() / count**2
        row, column = np.nonzero(rows[:, None] == columns[None, :])
        covariance[row, column] += self.noise[rows[row]]
        return np.asarray(covariance)

    def clr_covariance_with(self, gene: int) -> np.ndarray:
        """(G,) covariances with the gene at one position; that with itself lacks its residual."""
        count = len(self.genes)
        covariance = self.loadings @ self.loadings[gene]
        covariance -= (self.noise + self.noise[gene]) / count
        return np.asarray(covariance + self.noise.sum() / count**2)

    def cell_clr(self, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """(cells, genes) ``mu_g + b_g . x_c + w_g . z_c``, at positions."""
        loadings, mean = self.loadings[genes].astype(np.float32), self.mean_clr[genes]
        found = np.asarray(self.scores[cells] @ loadings.T + mean.astype(np.float32))
        covariates = own_covariates(self)
        if covariates is not None:
            found += covariates[cells] @ self.effects[genes].T.astype(np.float32)
        return found

    def cell_residuals(
        self, counts: sparse.csc_matrix | sparse.csr_matrix, cells: np.ndarray, genes: np.ndarray
    ) -> CellResiduals | None:
        """What the counts (C, G) say of each gene in each cell beside the factors."""
        # It imports JAX.
        from engine.lnm.cell_residuals import residuals

        return residuals(self, counts, cells, genes)

    def contrast(self, selected: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Selected cells less the rest: factors, and genes by the size of their effect."""
        return contrast(self, selected)

    def specificity(self, sums: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """(k,) share of the variance of the scores that lies between labels (eta squared).

        Parameters
        ----------
        sums, cells
            (L, k) sums of the scores over the cells of a label, and (L,) numbers of these.
        """
        means = sums / cells[:, None]
        mean = sums.sum(0) / cells.sum()
        total = (self.scores.astype(float) ** 2).sum(0) - cells.sum() * mean**2
        between = (cells[:, None] * (means - mean) ** 2).sum(0)
        return np.divide(between, total, out=np.zeros_like(total), where=total > 0)

    def distinctiveness(self) -> np.ndarray:
        """(real genes, k) ``(|w_gj| - max |w_gi|) / log 2`` over the other factors i."""
        return _distinct(self)

    def ranked(
        self, topic: int, measure: Measure, weight: float
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Columns of the real genes for one factor, and what they are ranked by."""
        loading = self.loadings[self.is_gene].astype(float)[:, topic]
        columns = {"loading": loading, "distinctiveness": _distinct(self)[:, topic]}
        return columns, np.abs(loading) if measure == "loading" else columns["distinctiveness"]

    def at_bound(self) -> Bounded:
        """The real genes whose residual variance d is within 0.1 % of the largest admitted.

        The bound is 3 of an encoder, 10 of NUTS, and either of nested Laplace, which goes on to 10
        where many genes reach 3.
        """
        # These import JAX.
        from engine.lnm.residual import NARROW
        from engine.lnm.wide_residual import WIDE, admitting

        integral = {"vae": NARROW, "nuts": WIDE}.get(self.config.inference) or admitting(self.noise)
        own = self.is_gene & (self.config.d_mode == "learned")
        own[self.reference] &= self.n_factors == 0
        held = own & (self.noise >= _NEAR * integral.max_noise)
        return Bounded(self.genes[held], int(np.count_nonzero(own)), integral.max_noise)

    def learned(self) -> Sequence[np.ndarray]:
        """The arrays that identify what the fit learned."""
        return [self.mean_clr, self.loadings, self.noise, self.scores]

    def methods(self) -> Methods:
        """Sentences of a methods section on the fit."""
        return words.methods(self)


@per_fit
def _distinct(fit: FactorArrays) -> np.ndarray:
    size = np.abs(fit.loadings[fit.is_gene].astype(float))
    return np.asarray((size - next_best(size)) / np.log(2))
