"""Posterior: builds a Fit of posterior means from the draws."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.data import Counts
from engine.fitting.status import Status
from engine.fitting.versions import versions
from engine.genes import OTHER
from engine.lnm import equations
from engine.lnm.canonical import principal_axes
from engine.lnm.config import LNMConfig
from engine.lnm.effects import drawn_coefficients
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.fit import Capture, Fit, Totals
from engine.lnm.nuts.diagnostics import diagnose, diagnostics_words
from engine.lnm.nuts.gathered import Gathered, Moments
from engine.lnm.passes import Pass
from engine.lnm.prior import Prior
from engine.lnm.snapshot import cell_fields
from engine.lnm.transform import transform


@dataclass(frozen=True)
class Posterior:
    """Everything a Fit is made of; calling it makes one, in any thread.

    Mean and loadings are posterior means, noise the exponential of the mean of log d, and scores
    and capture latents posterior means with standard deviations that include the uncertainty of the
    parameters. Averaging shrinks loadings: the CLR covariance at these parameters is somewhat below
    its own posterior mean, which the draws give.
    """

    counts: Counts
    config: LNMConfig
    gathered: Gathered
    laplace: Fit
    totals: Totals
    trace: pd.DataFrame
    status: Status

    def __call__(self) -> Fit:
        """The fit, in CLR on principal axes."""
        gathered, counts = self.gathered, self.counts
        sums = gathered.moments
        assert sums is not None
        total = gathered.count * len(gathered.followed[0]["log density"])
        means = type(sums)(*(array / total for array in sums))
        loadings, rotation = principal_axes(means.loadings, counts.genes != OTHER)
        spread = means.scores_2 - means.scores[:, :, None] * means.scores[:, None, :]
        variance = np.einsum("ik,cij,jk->ck", rotation, spread, rotation)
        capture = None
        if self.config.capture:
            capture = Capture(
                means.eta,
                _sd(means.eta, means.eta_2),
                means.efficiency,
                _sd(means.efficiency, means.efficiency_2),
            )
        diagnostics = diagnose(gathered.followed, gathered.divergences, gathered.longest)
        reason = "; ".join(
            part for part in (self.status.reason, diagnostics_words(diagnostics)) if part
        )
        unknown = np.full(counts.n_cells, np.nan)
        latents = equations.Latents(means.scores, unknown)
        sd = np.sqrt(np.maximum(variance, 0.0))
        cells_pass = Pass(None, latents, sd, unknown, np.zeros(counts.n_cells))
        status = replace(self.status, reason=reason)
        fit = Fit(
            config=self.config,
            genes=counts.genes,
            gene_ids=counts.gene_ids,
            reference=counts.reference,
            mean_clr=means.mean,
            loadings=loadings,
            noise=np.where(gathered.has_noise, np.exp(means.log_noise), 0.0),
            totals=self.totals,
            trace=self.trace,
            prior=Prior.start(self.config).resume(self.laplace.prior).to_dict(rotation),
            versions=versions() | {"numpyro": importlib.metadata.version("numpyro")},
            diagnostics=diagnostics,
            draws=_draws(gathered, rotation),
            **cell_fields(counts, cells_pass, rotation, capture, status),
        )
        if self.laplace.design is not None:
            fit = self._with_effects(fit, means)
        placed = transform(fit, counts)
        status = replace(status, n_failed_cells=placed.status.n_failed_cells)
        return replace(fit, log_marginal=placed.log_marginal, status=status)

    def _with_effects(self, fit: Fit, means: Moments) -> Fit:
        """Effects of covariates: posterior means and standard deviations."""
        design = self.laplace.design
        assert design is not None
        covariates = design.encode(fit.obs)
        prior = EffectsPrior.from_dict(self.laplace.prior["effects"])
        variance = _sd(means.effects, means.effects_2) ** 2
        coefficients, units = drawn_coefficients(design, covariates, prior, means.effects, variance)
        effects = means.effects
        return replace(fit, design=design, effects=effects, coefficients=coefficients, units=units)


def _sd(mean: np.ndarray, square: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(square - mean**2, 0.0))


def _draws(gathered: Gathered, rotation: np.ndarray) -> dict[str, np.ndarray]:
    if not gathered.stored:
        return {}
    mean, loadings, noise = (np.stack(arrays) for arrays in zip(*gathered.stored, strict=True))
    turned = loadings @ rotation.astype(loadings.dtype)
    return {"mean_clr": mean, "loadings": turned, "noise": noise}
