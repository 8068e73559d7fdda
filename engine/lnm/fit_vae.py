"""LNM and LNMVCP by stochastic variational inference with an encoder.

What is trained is told in `engine.lnm.encoder`, how in `engine.fitting.training`. The priors'
scales are estimated after every epoch, as by ``inference="laplace"`` but with one scale for each
column of W. The totals' parameters are estimated first and on their own, as there; residual
variances above `NARROW.max_noise` are not admitted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
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
from engine.fitting.training import Pair, Task, divergence, train
from engine.fitting.versions import versions
from engine.genes import OTHER
from engine.lnm import encoder as vae
from engine.lnm import equations
from engine.lnm.amortized import Basis, encode, place
from engine.lnm.canonical import principal_axes
from engine.lnm.collapse import collapse
from engine.lnm.config import LNMConfig
from engine.lnm.fit import Capture, Fit
from engine.lnm.laplace import check_start
from engine.lnm.outer_steps import noise_mask
from engine.lnm.passes import Pass
from engine.lnm.prior import Prior
from engine.lnm.requirements import check_config
from engine.lnm.residual import LOG_NO_NOISE, NARROW
from engine.lnm.snapshot import cell_fields
from engine.lnm.spectral import spectral_start
from engine.lnm.totals import capture, eta_prior, fit_totals

# Cells that the decoder's start is made from, and that the scale of the inputs is taken from.
_START_CELLS = 10_000
_SCALE_CELLS = 2000
# Of z over the cells, for the scale that it is given.
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
    task = _Task(counts, config)
    run = LearningRun[Learned, Fit](
        start,
        budget=config.epochs(counts.n_cells),
        planned=True,
        max_seconds=config.max_seconds,
        snapshot=lambda step, trace, status: _Snapshot(task, step, trace, status),
    )
    resumed = start is not None and bool(start.encoder)

    def events() -> Generator[Step[Learned] | float, None, End]:
        params = _start(counts, config, task, start)
        return (yield from train(task, config, params, resumed=resumed))

    yield from run.follow(events())


class _Task(Task[Learned]):
    """The decoder and the posteriors of the cells."""

    def __init__(self, counts: Counts, config: LNMConfig) -> None:
        self.counts, self.config = counts, config
        self.has_noise = noise_mask(counts, config)
        flags = (("residuals", bool(self.has_noise.any())), ("capture", config.capture))
        self.pair = Pair(vae.model, vae.guide, closed_form=True, keywords=flags)
        self.totals = fit_totals(counts, config)[0]
        self.eta_scale, self.beside = 1.0, None
        self._sum_of_constants = np.nan
        if config.capture:
            location, scale = eta_prior(counts, config, self.totals)
            self.beside, self.eta_scale = location[:, None], float(scale[0])

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
        return replace(learned, loadings_covariance=diagonal)

    def learned(self, params: dict[str, np.ndarray]) -> Learned:
        """By the encoder and, if the configuration says so, refined."""
        config = self.config
        params = self._standardised(params)
        basis = self.basis(params)
        cells_pass, own = place(
            basis, self.counts, config, params, self.totals, refine=config.refine
        )
        warning = ""
        if own is not None:
            exact = capture(self.counts, config, self.totals)
            assert exact is not None
            warning = collapse(own, exact, refined=config.refine)
            own = exact if config.refine else own
        return Learned(params, self.prior(params), basis, cells_pass, own, warning)

    def _standardised(self, params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The scale of z moves little in training, as the bound hardly depends on it."""
        known = self.basis(params).params, self.counts, self.config, params, self.totals
        found = encode(*known, bounded=False)
        variance = found.scores.var(0) + found.variance.mean(0)
        mean, sd = found.scores.mean(0), np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
        return vae.change_basis(params, mean, sd)

    def basis(self, params: dict[str, np.ndarray]) -> Basis:
        """Means of the parameters under their guide."""
        log_noise = np.minimum(params["log_noise"], np.log(NARROW.max_noise))
        log_noise = np.where(self.has_noise, log_noise, LOG_NO_NOISE)
        mean = params["centre"] - 0.5 * np.where(self.has_noise, np.exp(log_noise), 0.0)
        found = equations.Params(mean, params["loadings"], log_noise)
        rotation = principal_axes(found.loadings, self.counts.genes != OTHER)[1]
        return Basis(found, rotation)

    def bound(self, learned: Learned) -> float:
        """Mean of `Fit.log_marginal`."""
        return float(np.mean(learned.cells_pass.log_marginal))

    def bound_of(self, counts: Counts, params: dict[str, np.ndarray]) -> float:
        """Mean bound of cells that are set aside."""
        params_of, config = self.basis(params).params, self.config
        found = encode(params_of, counts, config, params, self.totals, bounded=True)
        return float(np.mean(found.bound))

    def cells_bound(self, bound: float, params: dict[str, np.ndarray], cells: np.ndarray) -> float:
        """Without the divergence of the decoder's guide from its prior."""
        prior = self.prior(params)
        scale = np.sqrt(np.diag(prior.loadings_covariance))
        lost = divergence(params["loadings"], params["loadings_log_scale"], 0.0, scale).sum()
        noise = params["log_noise"], params["log_noise_log_scale"]
        of_noise = divergence(*noise, prior.noise_location, prior.noise_scale)
        return bound + lost + of_noise[self.has_noise].sum() + self._constants(cells)

    def _constants(self, cells: np.ndarray) -> float:
        """Sum of what no parameter changes of the cells' log-likelihoods, nats."""
        if np.isnan(self._sum_of_constants):
            total = 0.0
            for start in range(0, self.counts.n_cells, _SCALE_CELLS):
                stop = min(start + _SCALE_CELLS, self.counts.n_cells)
                own = cells[slice(*np.searchsorted(cells, (start, stop)))] - start
                total += float(equations.constants(self.counts.block(start, stop))[own].sum())
            self._sum_of_constants = total
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
        (params, rotation), counts = learned.basis, task.counts
        loadings = principal_axes(params.loadings, counts.genes != OTHER)[0]
        reason = "; ".join(part for part in (self.status.reason, learned.warning) if part)
        status = replace(
            self.status, reason=reason, n_failed_cells=learned.cells_pass.n_failed_cells
        )
        kept = {n: np.asarray(v, np.float32) for n, v in learned.params.items() if n not in _POINTS}
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
            encoder=kept | {"rotation": rotation},
            versions=versions(),
            **cell_fields(counts, learned.cells_pass, rotation, learned.capture, status),
        )


# Kept in fields of their own.
_POINTS = ("centre", "loadings", "log_noise")


def _start(counts: Counts, config: LNMConfig, task: _Task, start: Fit | None) -> dict[str, Any]:
    """Parameters to begin with: of the spectral start, or of an earlier fit."""
    held = counts
    if counts.n_cells > _START_CELLS or counts.matrix() is None:
        rng = np.random.default_rng(config.seed)
        size = min(_START_CELLS, counts.n_cells)
        held = counts.take(np.sort(rng.choice(counts.n_cells, size, replace=False)))
    rotation = np.eye(config.size)
    if start is None:
        centre, loadings, _ = spectral_start(held, config.size, config.seed)
        log_noise = np.full(counts.n_genes, Prior.start(config).noise_location)
    else:
        rotation = np.asarray(start.encoder.get("rotation", rotation), float)
        location = Prior.start(config).resume(start.prior).noise_location
        noise = np.where(start.noise > 0, start.noise, np.exp(location))
        centre = start.mean_clr + 0.5 * np.where(task.has_noise, noise, 0.0)
        loadings, log_noise = start.loadings @ rotation.T, np.log(noise)
    params: dict[str, Any] = {"centre": centre, "loadings": loadings, "log_noise": log_noise}
    if start is not None and start.encoder:
        params |= {name: value for name, value in start.encoder.items() if name != "rotation"}
    else:
        params |= _widths(counts, centre, loadings, log_noise) | _encoder(held, config, task)
    return {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}


def _widths(
    counts: Counts, centre: np.ndarray, loadings: np.ndarray, log_noise: np.ndarray
) -> dict[str, np.ndarray]:
    """Of the guide of loadings and log d: what cells of the mean composition tell of a gene."""
    shares = np.exp(centre - centre.max())
    rate = counts.totals.mean() * shares / shares.sum()
    noise = np.exp(log_noise)
    known = rate / (1 + noise * rate)
    of_loadings = 1 / (1 + counts.n_cells * known)
    of_noise = 1 / (1 + 0.5 * counts.n_cells * (noise * known) ** 2)
    return {
        "loadings_log_scale": np.repeat(np.log(of_loadings)[:, None] / 2, loadings.shape[1], 1),
        "log_noise_log_scale": np.log(of_noise) / 2,
    }


def _encoder(held: Counts, config: LNMConfig, task: _Task) -> dict[str, Any]:
    inputs = encoding.input_scale(held.block(0, min(_SCALE_CELLS, held.n_cells)))
    key = jax.random.key(config.seed)
    prior = np.zeros(config.size)
    encoder = encoding.init_encoder(key, held.n_genes, config.hidden, prior)
    eta = None if task.beside is None else (float(task.beside.mean()), task.eta_scale)
    encoder = vae.init_heads(encoder, eta)
    scale = {encoding.INPUT + name: value for name, value in inputs._asdict().items()}
    return encoder | scale
