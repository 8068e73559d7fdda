"""LNM and LNMVCP by stochastic variational inference with an encoder.

`engine.lnm.encoder` defines the model, `engine.fitting.training` the training. Scales of priors are
estimated after every epoch, as by ``inference="laplace"`` but with one scale for each column of W;
the totals' parameters first and separately, as there. Residual variances are at most
`NARROW.max_noise`. Effects of covariates have a mean-field posterior; their coefficients and errors
come, as by ``inference="laplace"``, from the curvature of a pass at the parameters learned.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from engine.data import Counts
from engine.fitting import encoding
from engine.fitting.compilation import keep_compilations
from engine.fitting.learning import LearningRun
from engine.fitting.progress import Progress
from engine.fitting.status import Status
from engine.fitting.steps import End, Step
from engine.fitting.training import Pair, Task, train
from engine.fitting.versions import versions
from engine.genes import OTHER
from engine.lnm import encoded_effects, equations
from engine.lnm import encoder as vae
from engine.lnm.amortized import Basis, change_basis, encode, place, refined
from engine.lnm.canonical import principal_axes
from engine.lnm.collapse import collapse
from engine.lnm.config import LNMConfig
from engine.lnm.covariates import covariates_of, design_for
from engine.lnm.design import Design
from engine.lnm.fit import Capture, Fit
from engine.lnm.laplace import check_start
from engine.lnm.outer_steps import noise_mask
from engine.lnm.passes import Pass
from engine.lnm.point import Point
from engine.lnm.prior import Prior
from engine.lnm.requirements import check_config
from engine.lnm.residual import LOG_NO_NOISE, NARROW
from engine.lnm.snapshot import cell_fields, covariate_fields
from engine.lnm.totals import capture, eta_prior, fit_totals, laws_of
from engine.lnm.vae_start import Known, start_of, sum_of_constants

# Least variance of z over the cells in the change of its scale.
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class Learned:
    """Parameters, and the cells under them; ``warning`` is empty if there is none."""

    params: dict[str, np.ndarray]
    prior: Prior
    basis: Basis
    cells_pass: Pass
    capture: Capture | None
    warning: str
    of_covariates: dict[str, Any]


def fit_vae(
    counts: Counts, config: LNMConfig, *, start: Fit | None = None
) -> Iterator[Progress[Fit]]:
    """`engine.fit_iter` for ``inference="vae"``.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    FitError
        If the objective stops being finite.
    """
    keep_compilations()
    check_config(counts, config)
    if start is not None:
        check_start(counts, config, start)
    task = _Task(counts, config, design_for(counts.obs, config, start))
    run = LearningRun[Learned, Fit](
        start,
        budget=config.epochs(counts.n_cells),
        planned=True,
        max_seconds=config.max_seconds,
        snapshot=lambda step, trace, status: _Snapshot(task, step, trace, status),
    )
    resumed = start is not None and bool(start.encoder)

    def events() -> Generator[Step[Learned] | float, None, End]:
        params = start_of(counts, config, task.known, start)
        return (yield from train(task, config, params, resumed=resumed))

    yield from run.follow(events())


class _Task(Task[Learned]):
    """The decoder and the posteriors of the cells."""

    def __init__(self, counts: Counts, config: LNMConfig, design: Design | None) -> None:
        self.counts, self.config, self.design = counts, config, design
        self.covariates = covariates_of(design, counts.obs)
        self.has_noise = noise_mask(counts, config)
        flags = (("residuals", bool(self.has_noise.any())), ("capture", config.capture))
        self.pair = Pair(vae.model, vae.guide, closed_form=True, keywords=flags)
        self.totals = fit_totals(counts, config, design)[0]
        self.eta_scale, self.beside = 1.0, self.covariates
        self._sum_of_constants = np.nan
        eta = None
        if config.capture:
            location, scale = eta_prior(counts, config, self.totals)
            self.beside, self.eta_scale = location[:, None], float(scale[0])
            eta = float(location.mean()), float(np.median(scale))
            if self.covariates is not None:
                laws = laws_of(self.totals, counts.obs)
                own = np.column_stack([location, laws, scale])
                self.beside = np.hstack([own, self.covariates])
        self.known = Known(self.has_noise, design, eta)

    def setting(self, params: dict[str, Any], n_batches: int, unit: float) -> vae.Setting:
        """Priors at the parameters, and the scale of the inputs."""
        prior = self.prior(params)
        totals = (self.totals.mean, self.totals.concentration, self.eta_scale)
        return vae.Setting(
            loadings_scale=jnp.asarray(np.sqrt(np.diag(prior.loadings_covariance)), jnp.float32),
            noise=encoding.Gaussian(
                jnp.float32(prior.noise_location), jnp.float32(prior.noise_scale)
            ),
            has_noise=jnp.asarray(self.has_noise),
            inputs=encoding.inputs_of(params),
            totals=vae.Totals(*(jnp.float32(value) for value in totals)),
            n_batches=jnp.float32(n_batches),
            unit=jnp.float32(unit),
            effects=None
            if prior.effects is None
            else encoded_effects.setting_of(prior.effects, self.counts.n_genes),
        )

    def prior(self, params: dict[str, Any]) -> Prior:
        """Second moments of loadings and log d under their guide; what the user set stays."""
        values = {name: np.asarray(params[name], float) for name in vae.DECODER}
        spread = np.exp(2 * values["loadings_log_scale"])
        learned = Prior.start(self.config).learn(
            values["loadings"],
            np.diag(spread.mean(0))[None],
            np.minimum(values["log_noise"], np.log(NARROW.max_noise))[self.has_noise],
            np.exp(2 * values["log_noise_log_scale"])[self.has_noise],
        )
        diagonal = np.diag(np.diag(learned.loadings_covariance))
        effects = None if self.design is None else encoded_effects.learned(self.design, params)
        return replace(learned, loadings_covariance=diagonal, effects=effects)

    def learned(self, params: dict[str, np.ndarray]) -> Learned:
        """The posteriors of all cells, by the encoder and, if configured, refined."""
        config = self.config
        params = self._standardised(params)
        basis = self.basis(params)
        prior, covariates = self.prior(params), self.covariates
        known = basis, self.counts, config, params, self.totals
        summed = covariates is not None
        cells_pass, own = place(*known, refine=config.refine, covariates=covariates, summed=summed)
        warning = ""
        if own is not None:
            exact = capture(self.counts, config, self.totals)
            assert exact is not None
            warning = collapse(own, exact, refined=config.refine)
            own = exact if config.refine else own
        of_covariates = {}
        if covariates is not None:
            at_modes = cells_pass
            if not config.refine:
                scores = cells_pass.latents.scores
                at_modes = refined(basis, self.counts, config, scores, covariates, summed=True)
            of_covariates = self._of_covariates(params, prior, at_modes)
        return Learned(params, prior, basis, cells_pass, own, warning, of_covariates)

    def _of_covariates(
        self, params: dict[str, np.ndarray], prior: Prior, at_modes: Pass
    ) -> dict[str, Any]:
        """Fields of a fit on its covariates."""
        assert self.design is not None
        assert self.covariates is not None
        effects, size = encoded_effects.effects_of(params), self.config.size
        log_noise = self._log_noise(params)
        theta = np.column_stack([params["loadings"], effects, params["centre"], log_noise])
        nothing = np.zeros((size, size))
        point = Point(theta, self.has_noise, prior, nothing, at_modes, NARROW.max_noise)
        is_gene = np.asarray(self.counts.genes != OTHER)
        return covariate_fields(point, self.design, self.covariates, is_gene)

    def _standardised(self, params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Parameters for z of mean 0 and variance 1: training hardly changes the scale of z.

        The part of the scores that fixed covariates explain becomes part of the effects.
        """
        known = self.basis(params), self.counts, self.config, params, self.totals
        encoded = encode(*known, bounded=False, covariates=self.covariates)
        scores, slope = encoded.scores, None
        mean = scores.mean(0)
        if self.design is not None and self.covariates is not None:
            fixed = self.covariates[:, : self.design.n_fixed].astype(float)
            centred = fixed - fixed.mean(0)
            coefficients = np.linalg.lstsq(centred, scores - mean, rcond=None)[0]
            slope = np.zeros((scores.shape[1], self.covariates.shape[1]))
            slope[:, : fixed.shape[1]] = coefficients.T
            scores = scores - fixed @ coefficients
            mean = scores.mean(0)
        variance = scores.var(0) + encoded.variance.mean(0)
        sd = np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
        return change_basis(params, mean, sd, slope)

    def _log_noise(self, params: dict[str, np.ndarray]) -> np.ndarray:
        log_noise = np.minimum(params["log_noise"], np.log(NARROW.max_noise))
        return np.where(self.has_noise, log_noise, LOG_NO_NOISE)

    def basis(self, params: dict[str, np.ndarray]) -> Basis:
        """Means of the parameters under their guide."""
        log_noise = self._log_noise(params)
        mean = params["centre"] - 0.5 * np.where(self.has_noise, np.exp(log_noise), 0.0)
        decoder = equations.Params(mean, params["loadings"], log_noise)
        rotation = principal_axes(decoder.loadings, self.counts.genes != OTHER)[1]
        effects = None if self.design is None else encoded_effects.effects_of(params)
        return Basis(decoder, rotation, effects)

    def bound(self, learned: Learned) -> float:
        """Mean of `Fit.log_marginal`."""
        return float(np.mean(learned.cells_pass.log_marginal))

    def bound_of(self, counts: Counts, params: dict[str, np.ndarray]) -> float:
        """Mean bound of validation cells."""
        known = self.basis(params), counts, self.config, params, self.totals
        covariates = covariates_of(self.design, counts.obs)
        encoded = encode(*known, bounded=True, covariates=covariates)
        return float(np.mean(encoded.bound))

    def cells_bound(self, bound: float, params: dict[str, np.ndarray], cells: np.ndarray) -> float:
        """Without the divergence of the decoder's guide from its prior."""
        prior = self.prior(params)
        scale = np.sqrt(np.diag(prior.loadings_covariance))
        lost = encoding.divergence(
            params["loadings"], params["loadings_log_scale"], 0.0, scale
        ).sum()
        noise = params["log_noise"], params["log_noise_log_scale"]
        of_noise = encoding.divergence(*noise, prior.noise_location, prior.noise_scale)
        if prior.effects is not None:
            lost += encoded_effects.lost(prior.effects, params)
        return bound + lost + of_noise[self.has_noise].sum() + self._constants(cells)

    def _constants(self, cells: np.ndarray) -> float:
        """Sum of the constant terms of the cells' log-likelihoods, nats."""
        if np.isnan(self._sum_of_constants):
            self._sum_of_constants = sum_of_constants(self.counts, cells)
        return self._sum_of_constants


@dataclass(frozen=True)
class _Snapshot:
    """Everything a Fit is made of; calling it makes one, in any thread."""

    task: _Task
    step: Step[Learned]
    trace: pd.DataFrame
    status: Status

    def __call__(self) -> Fit:
        """The fit, in CLR on principal axes."""
        learned, task = self.step.learn(), self.task
        (params, rotation, _), counts = learned.basis, task.counts
        loadings = principal_axes(params.loadings, counts.genes != OTHER)[0]
        reason = "; ".join(part for part in (self.status.reason, learned.warning) if part)
        status = replace(
            self.status, reason=reason, n_failed_cells=learned.cells_pass.n_failed_cells
        )
        encoder = {
            n: np.asarray(v, np.float32) for n, v in learned.params.items() if n not in _POINTS
        }
        return Fit(
            config=task.config,
            genes=counts.genes,
            gene_ids=counts.gene_ids,
            reference=counts.reference,
            mean_clr=params.mean - params.mean.mean(),
            loadings=loadings,
            noise=np.where(task.has_noise, np.exp(params.log_noise), 0.0),
            totals=task.totals,
            trace=self.trace,
            prior=learned.prior.to_dict(rotation),
            encoder=encoder | {"rotation": rotation},
            versions=versions(),
            **learned.of_covariates,
            **cell_fields(counts, learned.cells_pass, rotation, learned.capture, status),
        )


# Parameters that have fields of their own.
_POINTS = ("centre", "loadings", "log_noise", "remainder")
