"""Fit: what a model learned, as named arrays with their provenance. Needs no model to be read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from engine.files.writing import write
from engine.fitting.saved import FORMAT
from engine.fitting.status import Status
from engine.genes import OTHER
from engine.lnm.config import LNMConfig


@dataclass(frozen=True)
class Capture:
    """Posterior of the capture latent of each cell; efficiency = exp(-eta)."""

    eta: np.ndarray
    eta_sd: np.ndarray
    efficiency: np.ndarray
    efficiency_sd: np.ndarray


@dataclass(frozen=True)
class Totals:
    """Negative binomial of the total counts: variance = mean + mean^2 / concentration.

    For LNMVCP ``mean`` is the mean at capture efficiency 1, and ``eta_location`` and
    ``eta_scale`` are the prior of eta that all cells share: with ``capture_prior="population"``
    that of every cell, with ``"anchored"`` that of a new one, whose total is not known.
    ``alternatives`` has others, each with its weight, that explain the totals about as well
    (weight, location, scale, concentration); the capture efficiencies are averages over them.
    """

    mean: float
    concentration: float
    eta_location: float | None = None
    eta_scale: float | None = None
    alternatives: tuple[tuple[float, float, float, float], ...] = ()

    @classmethod
    def of(cls, told: dict[str, Any]) -> Totals:
        """From plain values, as JSON has them."""
        # JSON has no tuples.
        others = [tuple(one) for one in told.get("alternatives", ())]
        return cls(**{**told, "alternatives": tuple(others)})


@dataclass(frozen=True)
class Fit:
    """A fitted LNM or LNMVCP.

    Loadings are given in CLR on their principal axes: columns ordered by explained
    variance, the largest absolute loading of each positive. G counts all features of
    the simplex, the pooled ``_other`` included; C cells; k factors.

    Attributes
    ----------
    genes, cells
        Names, (G,) and (C,).
    reference
        Position in ``genes`` of the ALR reference.
    mean_clr
        (G,) mean logits, centred.
    loadings
        (G, k) CLR loadings W_clr.
    noise
        (G,) residual variance d of each ALR logit; 0 for the reference, unless there is no factor.
    scores, scores_sd
        (C, k) posterior mode and standard deviation of z; of ``inference="vae"`` without
        ``refine`` the encoder's; of ``"nuts"`` the posterior mean.
    log_marginal
        (C,) log p(counts of the cell | its total), nats; of ``inference="vae"`` without
        ``refine`` a lower bound on it, by the encoder's density of z. Of ``"nuts"`` by the nested
        Laplace approximation at the posterior means of the parameters.
    total_counts
        (C,) counts over the modelled features.
    obs
        The labels that came with the data.
    trace
        One row a pass: pass, seconds, log_marginal_per_cell (of ``"vae"`` the bound in training,
        a pass being an epoch; of ``"nuts"`` that of one chain's draw, a pass being an iteration of
        all chains), and of ``"laplace"`` gradient_median, gradient_worst,
        n_failed_cells.
    encoder
        Named arrays of ``inference="vae"``: the encoder, the widths of the guide of loadings and
        log d, and the rotation to principal axes; empty for ``"laplace"``.
    data
        Where the counts came from: name, source, layer, fingerprint, what was dropped.
    diagnostics
        Of ``inference="nuts"``: how well the chains agree, see `engine.lnm.nuts.diagnostics`.
    draws
        Of ``inference="nuts"``: a few draws of ``mean_clr`` (n, G), ``loadings`` (n, G, k), each
        turned to agree with the loadings above, and ``noise`` (n, G).
    names
        What a person has called the factors; empty: "factor 1" and so on.
    gene_ids
        (G,) ids of the genes; None if the names are all that is known.
    """

    config: LNMConfig
    genes: pd.Index
    cells: pd.Index
    reference: int
    mean_clr: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray
    scores: np.ndarray
    scores_sd: np.ndarray
    log_marginal: np.ndarray
    total_counts: np.ndarray
    totals: Totals
    capture: Capture | None
    obs: pd.DataFrame
    trace: pd.DataFrame
    status: Status
    prior: dict[str, Any] = field(default_factory=dict)
    encoder: dict[str, np.ndarray] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    diagnostics: dict[str, Any] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    gene_ids: pd.Index | None = None

    @property
    def model(self) -> str:
        """``"lnm"`` or ``"lnmvcp"``."""
        return self.config.model

    @property
    def n_factors(self) -> int:
        """Number of factors k."""
        return int(self.loadings.shape[1])

    @property
    def default_names(self) -> list[str]:
        """What the factors are called unless a person names them."""
        return [f"factor {j + 1}" for j in range(self.n_factors)]

    @property
    def factor_names(self) -> list[str]:
        """Names of the factors, in order."""
        return list(self.names) or self.default_names

    @property
    def is_gene(self) -> np.ndarray:
        """(G,) mask of the real genes: False for the pooled rest."""
        return np.asarray(self.genes != OTHER)

    @property
    def log_marginal_per_cell(self) -> float:
        """Mean log-marginal likelihood of a cell, nats."""
        return float(np.mean(self.log_marginal))

    def to_anndata(self, counts: sparse.csr_matrix | None = None) -> ad.AnnData:
        """The fit as an AnnData that scanpy and cellxgene open.

        Parameters
        ----------
        counts
            (C, G) counts for ``X``; without them ``X`` is an empty sparse matrix.
        """
        own = {"total_counts": self.total_counts, "log_marginal": self.log_marginal}
        if self.capture is not None:
            own["capture_efficiency"] = self.capture.efficiency
            own["capture_efficiency_sd"] = self.capture.efficiency_sd
            own["capture_eta"] = self.capture.eta
            own["capture_eta_sd"] = self.capture.eta_sd
        # A label of the data that has a name of ours (scanpy's total_counts, say) gives way.
        labels = self.obs.rename(columns={name: f"{name}_input" for name in own})
        obs = labels.assign(**own).set_axis(self.cells.astype(str))
        var = pd.DataFrame(index=self.genes.astype(str))
        if self.gene_ids is not None:
            var["gene_ids"] = np.asarray(self.gene_ids, dtype=object)
        var["lnm_mean_clr"] = self.mean_clr
        var["lnm_noise"] = self.noise
        var["lnm_reference"] = np.arange(len(var)) == self.reference
        shape = (len(obs), len(var))
        obsm: dict[str, Any] = {"X_lnm": self.scores, "X_lnm_sd": self.scores_sd}
        varm: dict[str, Any] = {"lnm_loadings": self.loadings}
        matrix = counts if counts is not None else sparse.csr_matrix(shape, dtype=np.float32)
        return ad.AnnData(
            X=matrix,
            obs=obs,
            var=var,
            obsm=obsm,
            varm=varm,
            uns={
                "logratio": {
                    "format": FORMAT,
                    "model": self.model,
                    "config": json.dumps(self.config.to_dict()),
                    "status": json.dumps(asdict(self.status)),
                    "totals": json.dumps(asdict(self.totals)),
                    "prior": json.dumps(self.prior),
                    "data": json.dumps(self.data),
                    "versions": json.dumps(self.versions),
                    "obs_columns": json.dumps([str(name) for name in labels.columns]),
                    "factor_names": json.dumps(self.factor_names),
                    "trace": {str(name): self.trace[name].to_numpy() for name in self.trace},
                    "encoder": dict(self.encoder),
                    "diagnostics": json.dumps(self.diagnostics),
                    "draws": dict(self.draws),
                }
            },
        )

    def save(self, path: str | os.PathLike[str], counts: sparse.csr_matrix | None = None) -> Path:
        """Write the fit as .h5ad: under a temporary name first, then renamed.

        Counts are compressed, to a fifth or less; the rest is not, as it hardly shrinks and a
        large fit would take three times as long to open.

        Returns
        -------
        The path written.

        Raises
        ------
        FitError
            If the file cannot be written.
        """
        return write(self.to_anndata(), path, counts)
