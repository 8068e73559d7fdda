"""Summaries of a fit of factors: the tables of `engine.summaries` for this model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from engine.fitting.estimates import Estimates
from engine.fitting.summarised import Bounded, CellResiduals
from engine.fitting.vocabulary import Capability, Quantity
from engine.fitting.words import Methods
from engine.lnm import words
from engine.lnm.arrays import FactorArrays
from engine.lnm.covariates import own_covariates

# Share of the bound above which a gene counts as at the bound.
_NEAR = 0.999


class FactorSummary(FactorArrays):
    """Members of `engine.fitting.fit_protocol.FittedModel` that need only the arrays of a fit."""

    def can(self, what: Capability) -> bool:
        """Whether the fit has this, see `engine.fitting.fit_protocol.FittedModel`."""
        own = {
            "capture": self.capture is not None,
            "covariates": self.design is not None,
            "anchored_totals": self.config.capture and self.config.capture_prior == "anchored",
            "more_residuals": self.config.d_mode == "low_rank",
        }
        return own.get(what, what not in ("mixtures", "topic_uncertainty"))

    def cell_weights_sd(self) -> np.ndarray | None:
        """(C, k) posterior standard deviations of the scores."""
        return self.scores_sd

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

    @property
    def within(self) -> str:
        """Covariates within whose levels the factors vary."""
        return self.design.within if self.design is not None else ""

    @property
    def groupings(self) -> tuple[str, ...]:
        """Columns of labels whose levels have random effects."""
        columns = () if self.design is None else self.design.columns
        return tuple(dict.fromkeys(column.group for column in columns if column.group))

    def covariates(self) -> np.ndarray:
        """(C, p) covariates of the cells, centred."""
        values = own_covariates(self)
        return np.zeros((len(self.cells), 0)) if values is None else values

    def effects_of_covariates(self) -> np.ndarray:
        """(G, p) CLR effects B."""
        return self.effects

    def covariate_effects(self) -> tuple[tuple[str, str, str, Estimates], ...]:
        """Label, term, unit and CLR effect (G,) of each fixed covariate."""
        columns = () if self.design is None else self.design.columns
        of = zip(columns, self.units, self.coefficients, strict=False)
        return tuple((column.label, column.term, unit, effect) for column, unit, effect in of)

    def cell_clr(self, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """(cells, genes) ``mu_g + b_g . x_c + w_g . z_c``, at positions."""
        values = super().cell_clr(cells, genes)
        covariates = own_covariates(self)
        if covariates is not None:
            values += covariates[cells] @ self.effects[genes].T.astype(np.float32)
        return values

    def cell_residuals(
        self, counts: sparse.csc_matrix | sparse.csr_matrix, cells: np.ndarray, genes: np.ndarray
    ) -> CellResiduals | None:
        """Residuals of counts (C, G) given the factors, of cells and genes at positions."""
        # This imports JAX.
        from engine.lnm.cell_residuals import residuals

        return residuals(self, counts, cells, genes)

    def at_bound(self) -> Bounded:
        """The real genes whose residual variance d is within 0.1 % of the largest admitted.

        The bound is 3 for an encoder, 10 for NUTS, and either for nested Laplace, which continues
        to 10 if many genes reach 3.
        """
        # These import JAX.
        from engine.lnm.residual import NARROW
        from engine.lnm.wide_residual import WIDE, admitting

        integral = {"vae": NARROW, "nuts": WIDE}.get(self.config.inference) or admitting(self.noise)
        own = self.is_gene & (self.config.d_mode == "learned")
        held = own & (self.noise >= _NEAR * integral.max_noise)
        return Bounded(self.genes[held], int(np.count_nonzero(own)), integral.max_noise)

    def learned(self) -> Sequence[np.ndarray]:
        """The arrays that identify what the fit learned."""
        return [self.mean_clr, self.loadings, self.noise, self.scores]

    def methods(self) -> Methods:
        """Sentences of a methods section on the fit."""
        return words.methods(self)
