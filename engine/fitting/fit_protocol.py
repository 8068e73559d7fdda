"""The protocol of a fit: the members that code outside the model's own folder may use.

A model is a folder (`engine.lnm`, `engine.lda`) and a line of `engine.registry`. Its fit is a
frozen dataclass of arrays that extends `engine.fitting.fitted.FitBase`, its configuration one that
extends `engine.fitting.model_config.ModelConfig`, and its work on counts is in a
`engine.fitting.family.Family`. Code asks for a capability (`can`), never for the type of a fit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from scipy import sparse

from engine.fitting.estimates import Estimates
from engine.fitting.model_config import ModelConfig
from engine.fitting.status import Status
from engine.fitting.summarised import Bounded, CellResiduals
from engine.fitting.vocabulary import Capability, Measure, Quantity, Vocabulary
from engine.fitting.words import Methods

if TYPE_CHECKING:
    import anndata as ad


@runtime_checkable
class FittedModel(Protocol):
    """A fit: C cells, G features of the simplex (the pooled ``_other`` included), k latents.

    Do not change the arrays: they may be the fit's own.
    """

    @property
    def config(self) -> ModelConfig:
        """The settings that it was made with."""

    @property
    def model(self) -> str:
        """Short name of the model, as `engine.registry` has it."""

    @property
    def latent(self) -> str:
        """Word for one latent: "factor" or "topic"."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Words of the model."""

    @property
    def n_factors(self) -> int:
        """k, whatever the latents are called."""

    @property
    def names(self) -> tuple[str, ...]:
        """User-given names of the latents; empty if there are none."""

    @property
    def default_names(self) -> list[str]:
        """Names of the latents without user-given names."""

    @property
    def factor_names(self) -> list[str]:
        """(k,) names of the latents: `names`, or `default_names` if empty."""

    @property
    def genes(self) -> pd.Index:
        """(G,) names."""

    @property
    def gene_ids(self) -> pd.Index | None:
        """(G,) ids; None if only the names are known."""

    @property
    def is_gene(self) -> np.ndarray:
        """(G,) mask of the real genes: False for the pooled rest. A new array."""

    @property
    def reference(self) -> int | None:
        """Position in ``genes`` of the ALR reference; None of a model without."""

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """How well chains of draws agree, if there are any."""
        ...

    @property
    def cells(self) -> pd.Index:
        """(C,) names."""
        ...

    @property
    def obs(self) -> pd.DataFrame:
        """The labels that came with the data."""
        ...

    @property
    def total_counts(self) -> np.ndarray:
        """(C,) counts over the modelled features."""
        ...

    @property
    def trace(self) -> pd.DataFrame:
        """One row a pass: pass, seconds, log_marginal_per_cell, and others of the model's own."""
        ...

    @property
    def status(self) -> Status:
        """How the fit ended."""
        ...

    @property
    def encoder(self) -> dict[str, np.ndarray]:
        """Named arrays of an encoder; empty without."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """Source of the counts, and results saved with the fit."""
        ...

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the software."""
        ...

    @property
    def log_marginal_per_cell(self) -> float:
        """Mean over the cells of what ``methods().objective`` names, nats."""
        ...

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Measures that rank the genes of a latent, the default first."""
        ...

    def can(self, what: Capability) -> bool:
        """Whether the fit has this; `engine.fitting.vocabulary.CAPABILITIES` explains each."""
        ...

    def changed(self, **fields: Any) -> Self:
        """A copy with other values of some fields."""
        ...

    def cell_weights(self) -> np.ndarray:
        """(C, k) scores, or proportions."""
        ...

    def cell_weights_sd(self) -> np.ndarray | None:
        """(C, k) posterior standard deviations of them; None without "weight_sd"."""
        ...

    def coordinates(self) -> np.ndarray:
        """(C, m) coordinates in which similar cells are close."""
        ...

    def cell_quantity(self, of: Quantity) -> np.ndarray | None:
        """(C,) values of a quantity of each cell; None if the fit lacks it."""
        ...

    def cell_quantity_sd(self, of: Quantity) -> np.ndarray | None:
        """(C,) posterior standard deviations of it; None if there are none."""
        ...

    def cell_clr(self, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """(cells, genes) CLR values predicted from the latents, at positions, nats."""
        ...

    def cell_residuals(
        self, counts: sparse.csc_matrix | sparse.csr_matrix, cells: np.ndarray, genes: np.ndarray
    ) -> CellResiduals | None:
        """Residuals of counts (C, G) given the latents, of cells and genes at positions.

        None without "residuals"; DataError if the counts are not those of the fit.
        """
        ...

    def contrast(self, selected: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Tables of latents and genes: ``difference`` and ``effect`` of a (C,) mask of cells."""
        ...

    def specificity(self, sums: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """(k,) 0 to 1: how far labels explain the weights; sums (L, k) and cells (L,) per label."""
        ...

    def programmes(self) -> np.ndarray:
        """(G, k) effect of each latent on the genes in the model; used to compare fits."""
        ...

    def gene_loadings(self) -> np.ndarray:
        """(G, k) the same effects in CLR, nats."""
        ...

    def gene_weights(self, loadings: pd.DataFrame) -> pd.DataFrame:
        """Weights that rank genes within a latent, from the loadings of the real genes."""
        ...

    def gene_information(self) -> pd.Series:
        """Information of each real gene on the latents."""
        ...

    def gene_spread(self) -> np.ndarray:
        """(G,) what the latents add to the variance of a count, relative to its mean."""
        ...

    def profiles(self) -> np.ndarray:
        """(G, k) without negative values or zero columns; used to compare latents."""
        ...

    def shares(self) -> np.ndarray:
        """(k,) share of ``vocabulary.share`` that each latent takes."""
        ...

    def mean_shares(self) -> np.ndarray:
        """(k,) how much each latent takes of the average cell, for their effective number."""
        ...

    def distinctiveness(self) -> np.ndarray:
        """(real genes, k) log2: how distinctive a gene is of a latent, against the next best."""
        ...

    def ranked(
        self, topic: int, measure: Measure, weight: float
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Columns of the real genes for one latent, and the values that rank them."""
        ...

    @property
    def within(self) -> str:
        """Covariates within whose levels the latents vary: ``"batch, condition"``, or nothing."""
        ...

    @property
    def groupings(self) -> tuple[str, ...]:
        """Columns of labels, such as donors, whose levels have random effects in the fit."""
        ...

    def covariates(self) -> np.ndarray:
        """(C, p) covariates of the cells, as the model has them; p = 0 without any."""

    def effects_of_covariates(self) -> np.ndarray:
        """(G, p) CLR effects of these."""

    def covariate_effects(self) -> tuple[tuple[str, str, str, Estimates], ...]:
        """Label, term, unit and CLR effect (G,) of each fixed covariate."""

    def residual_variance(self) -> np.ndarray | None:
        """(G,) variance of each gene's residual given the latents; None without "residuals"."""
        ...

    def clr_mean(self) -> np.ndarray:
        """(G,) mean CLR, nats."""
        ...

    def clr_variance(self) -> np.ndarray:
        """(G,) CLR variances."""
        ...

    def clr_covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(rows, columns) CLR covariances, at positions of genes."""
        ...

    def clr_covariance_with(self, gene: int) -> np.ndarray:
        """(G,) CLR covariances with the gene at one position; its own entry is no variance."""
        ...

    def at_bound(self) -> Bounded:
        """The real genes whose residual variance is the largest that the model admits."""
        ...

    def learned(self) -> Sequence[np.ndarray]:
        """The arrays that identify what the fit learned."""
        ...

    def methods(self) -> Methods:
        """Sentences of a methods section on the fit."""
        ...

    def to_anndata(self, counts: sparse.csr_matrix | None = None) -> ad.AnnData:
        """The fit as an AnnData, with (C, G) counts in ``X`` if they are given."""
        ...

    def save(self, path: str | os.PathLike[str], counts: sparse.csr_matrix | None = None) -> Path:
        """Write it as .h5ad; FitError if that cannot be done."""
        ...

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> Self:
        """The fit from obs, var, obsm, varm and uns["logratio"] in the layout of `to_anndata`."""
        ...

    def check(self) -> None:
        """Raise FitError if the parts of the fit do not agree or are not finite."""
        ...
