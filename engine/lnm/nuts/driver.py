"""LNM and LNMVCP by NUTS, one iteration of all chains at a time.

The chains start about a fit by ``inference="laplace"``, made first unless one is given, which also
gives the priors' scales and the loadings to rotate draws to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.data import Counts
from engine.errors import FitError
from engine.fitting.compilation import keep_compilations
from engine.fitting.progress import Progress
from engine.fitting.running import Running
from engine.fitting.status import State
from engine.fitting.steps import End
from engine.genes import OTHER
from engine.lnm import equations, fit_laplace
from engine.lnm.config import FEWEST_DRAWS, LNMConfig
from engine.lnm.covariates import covariates_of, design_for
from engine.lnm.design import Design
from engine.lnm.fit import Fit
from engine.lnm.nuts.chains import Chains, Draw
from engine.lnm.nuts.diagnostics import BAD_RHAT
from engine.lnm.nuts.gathered import Gathered
from engine.lnm.nuts.posterior import Posterior
from engine.lnm.nuts.start import check_laplace, check_size, setting_of
from engine.lnm.outer_steps import integral_for, noise_mask
from engine.lnm.passes import Passes, result_of
from engine.lnm.requirements import check_config
from engine.lnm.totals import fit_totals

# Iterations between two values of the trace.
_TRACE_EVERY = 10


@dataclass(frozen=True)
class _Step:
    """The phase, and after an iteration the log-marginal at a draw, nats per cell."""

    phase: str
    value: float = np.nan
    gathered: Gathered | None = None


def fit_nuts(
    counts: Counts, config: LNMConfig, *, start: Fit | None = None
) -> Iterator[Progress[Fit]]:
    """`engine.fit_iter` for ``inference="nuts"``.

    There is a fit once each chain has `FEWEST_DRAWS` draws; a later stop keeps the draws so far.

    Parameters
    ----------
    start
        A fit of the same cells by ``inference="laplace"``; chains cannot be continued.

    Raises
    ------
    ConfigError
        If the data are too large, or the configuration or ``start`` does not suit them.
    FitError
        If the seconds allowed end before there are enough draws.
    """
    keep_compilations()
    check_config(counts, config)
    check_size(counts)
    if start is not None:
        check_laplace(counts, config, start)
    run = _Run(counts, config, design_for(counts.obs, config, start))
    yield from run.follow(run.events(start))


class _Run(Running[_Step, Fit]):
    """State of the running chains."""

    def __init__(self, counts: Counts, config: LNMConfig, design: Design | None) -> None:
        super().__init__(None)
        self._counts, self._config = counts, config
        self._planned = config.n_warmup + config.n_draws
        self._totals, self._capture = fit_totals(counts, config, design)
        self._laplace: Fit | None = None
        self._gathered: Gathered | None = None
        self._sampling_since = 0.0

    def events(self, start: Fit | None) -> Generator[_Step | float, None, End]:
        """Run the Laplace fit, warm-up and draws."""
        counts, config = self._counts, self._config
        fit = start
        if fit is None:
            by_laplace = replace(config, inference="laplace", max_seconds=None)
            for progress in fit_laplace.fit_iter(counts, by_laplace):
                yield _Step(f"Laplace fit: {progress.phase}")
            assert progress.snapshot is not None
            laplace = progress.snapshot()
            assert isinstance(laplace, Fit)
            fit = laplace
        self._laplace = fit
        yield _Step("compiling")
        setting = setting_of(counts, config, fit, self._totals, self._capture)
        chains = Chains(setting, config.n_chains, config.n_warmup, config.seed)
        self._sampling_since = self._seconds
        marginal = _Marginal(counts, config, fit)
        for step in range(config.n_warmup):
            draw = chains.step()
            yield 1.0
            if step % _TRACE_EVERY == 0:
                yield _Step("warming up", marginal(draw))
        gathered = Gathered.begin(
            fit.loadings,
            noise_mask(counts, config),
            np.asarray(counts.genes != OTHER),
            n_cells=counts.n_cells,
            n_draws=config.n_draws,
            n_chains=config.n_chains,
        )
        for step in range(config.n_draws):
            draw = chains.step()
            gathered = gathered.add(draw)
            yield 1.0
            if step % _TRACE_EVERY == 0 or gathered.count in (FEWEST_DRAWS, config.n_draws):
                yield _Step("drawing", marginal(draw), gathered)
        return self._end()

    def _end(self) -> End:
        build = self._snapshot("running", "")
        assert build is not None
        worst = build().diagnostics["worst_rhat"]
        return ("converged" if worst <= BAD_RHAT else "stopped"), "all draws are made"

    def _note(self, step: _Step) -> None:
        self._phase, self._gathered = step.phase, step.gathered
        if np.isfinite(step.value):
            self._rows.append(
                {
                    "pass": self._passes,
                    "seconds": self._seconds,
                    "log_marginal_per_cell": step.value,
                }
            )

    def budget_spent(self, event: _Step | float) -> str:
        """Why the fit must end now, or an empty string."""
        limit = self._config.max_seconds
        if limit is None or self._seconds < limit or self._passes >= self._planned:
            return ""
        return f"the {limit:g} seconds allowed are spent"

    def _snapshot(self, state: State, reason: str) -> Posterior | None:
        gathered, laplace = self._gathered, self._laplace
        if gathered is None or laplace is None or gathered.count < FEWEST_DRAWS:
            return None
        status = self._status(state, reason)
        trace = pd.DataFrame(self._rows)
        return Posterior(self._counts, self._config, gathered, laplace, self._totals, trace, status)

    def progress(self, state: State, reason: str = "") -> Progress[Fit]:
        """The chains as they stand."""
        build = self._snapshot(state, reason)
        status = self._status(state, reason)
        if state != "running":
            if build is None:
                raise FitError(
                    f"time for {self._config.n_warmup} iterations of warm-up and at least "
                    f"{FEWEST_DRAWS} draws of each chain",
                    f"{self._config.max_seconds:g} s, enough for {self._passes} iterations in all",
                    "Allow more seconds, or use inference='laplace'.",
                )
            # Its reason includes the diagnostics of the chains.
            fit = build()
            status = fit.status
        done, left = self._passes, self._planned - self._passes
        pace = (self._seconds - self._sampling_since) / max(done, 1)
        last = self._rows[-1] if self._rows else {}
        return Progress(
            status=status,
            phase=self._phase if state == "running" else "finishing",
            fraction=1.0 if state != "running" else done / (self._planned + 1),
            seconds_left=pace * left if done else None,
            log_marginal_per_cell=last.get("log_marginal_per_cell", np.nan),
            gradient_median=np.nan,
            gradient_worst=np.nan,
            snapshot=build,
        )


class _Marginal:
    """Mean log-marginal of a cell by Laplace at a draw of the first chain, nats."""

    def __init__(self, counts: Counts, config: LNMConfig, fit: Fit) -> None:
        self._passes = Passes(
            counts,
            config.size,
            config.precision,
            config.block_cells,
            fit.scores,
            integral_for(fit),
            covariates=covariates_of(fit.design, counts.obs),
        )
        self._rotation = np.eye(config.size)

    def __call__(self, draw: Draw) -> float:
        mean, loadings, log_noise = (array[0] for array in draw.params)
        bounded = np.minimum(log_noise, np.log(self._passes.integral.max_noise))
        params = equations.Params(mean, loadings, bounded)
        drawn = draw.position.get("effects")
        effects = None if drawn is None else drawn[0] - drawn[0].mean(0)
        cells_pass = result_of(self._passes.run(params, self._rotation, None, effects))
        return float(np.mean(cells_pass.log_marginal))
