"""LinearFit: a fit whose CLR coordinates are linear in the weights of a cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.fitting.contrast import contrast
from engine.fitting.fitted import FitBase
from engine.fitting.summarised import next_best
from engine.fitting.vocabulary import Measure
from engine.per_fit import per_fit


class LinearFit(FitBase):
    """CLR coordinates ``mu + W z_c + eps_c``, z of unit variance, ``eps ~ N(0, diag d)`` in ALR.

    Attributes
    ----------
    mean_clr
        (G,) mu, nats.
    loadings
        (G, k) W, nats.
    noise
        (G,) d.
    scores
        (C, k) z.
    """

    measures: tuple[Measure, ...] = ("loading", "distinctiveness")

    mean_clr: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray
    scores: np.ndarray

    @property
    def n_factors(self) -> int:
        """Number of factors k."""
        return int(self.loadings.shape[1])

    def cell_weights(self) -> np.ndarray:
        """(C, k) scores."""
        return self.scores

    def coordinates(self) -> np.ndarray:
        """(C, k) scores."""
        return self.scores

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
        """(G, k) squared loadings; a column of zeros is replaced by ones."""
        weights = np.asarray(self.loadings.astype(float) ** 2)
        weights[:, weights.sum(0) <= 0] = 1
        return weights

    def residual_variance(self) -> np.ndarray | None:
        """(G,) variances d of the residuals; None without "residuals"."""
        return self.noise if self.can("residuals") else None

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
        """(G,) covariances with the gene at one position; its own entry lacks its residual."""
        count = len(self.genes)
        covariance = self.loadings @ self.loadings[gene]
        covariance -= (self.noise + self.noise[gene]) / count
        return np.asarray(covariance + self.noise.sum() / count**2)

    def cell_clr(self, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """(cells, genes) ``mu_g + w_g . z_c``, at positions."""
        loadings, mean = self.loadings[genes].astype(np.float32), self.mean_clr[genes]
        return np.asarray(self.scores[cells] @ loadings.T + mean.astype(np.float32))

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
        """Columns of the real genes for one factor, and the values that rank them."""
        loading = self.loadings[self.is_gene].astype(float)[:, topic]
        columns = {"loading": loading, "distinctiveness": _distinct(self)[:, topic]}
        return columns, np.abs(loading) if measure == "loading" else columns["distinctiveness"]


@per_fit
def _distinct(fit: LinearFit) -> np.ndarray:
    size = np.abs(fit.loadings[fit.is_gene].astype(float))
    return np.asarray((size - next_best(size)) / np.log(2))
