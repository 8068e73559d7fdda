"""The model of the total counts: negative binomial, with or without a capture latent.

The concentration r has a proper prior, log r ~ N(log 10, 1), and eta, under a prior that all cells
share, is integrated out when r is estimated: so r stays finite. With a point estimate of eta, or a
prior anchored on each cell's own total, it would grow without bound (`shared_capture`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from engine.data import Counts
from engine.lnm.capture import capture_posterior, log_negative_binomial
from engine.lnm.config import LNMConfig
from engine.lnm.covariate_columns import FEWEST_CELLS, level_names
from engine.lnm.design import Design
from engine.lnm.fit import Capture, Totals
from engine.lnm.shared_capture import LOG_CONCENTRATION, LOG_R, shared_capture

# More cells than this hardly reduce the uncertainty of the three numbers below.
_SAMPLE = 20_000
_CHUNK = 50_000
# Least sum of squares of log totals, which may all be the same.
_NO_SPREAD = 1e-12


def fit_totals(
    counts: Counts, config: LNMConfig, design: Design | None = None
) -> tuple[Totals, Capture | None]:
    """Estimate the totals' parameters and, for LNMVCP, every cell's capture efficiency.

    LNM: the mean is the sample mean, r its posterior mode. LNMVCP: the mean at efficiency 1
    is M_0 times the share of the counts that is modelled; eta's prior is anchored at
    log M_0 - log L_c, or shared by all cells (``capture_prior="population"``). Anchored priors
    cannot identify r: each is centred on the very total it is to explain, and any larger r explains
    it better. So r always comes from the shared prior, which also serves for new cells.

    With a design, everything is estimated for each level of `depth_column` separately: a difference
    in depth between levels is taken for one of capture.
    """
    totals = _estimate_totals(counts.totals, counts.library_size, config)
    by = depth_column(design, counts)
    if by:
        names = level_names(counts.obs, by)
        levels = []
        for name in sorted(set(names.tolist())):
            own = names == name
            if own.sum() >= FEWEST_CELLS:
                parts = counts.totals[own], counts.library_size[own]
                levels.append((name, _estimate_totals(*parts, config)))
        totals = replace(totals, by=by, levels=tuple(levels))
    return totals, capture(counts, config, totals)


def depth_column(design: Design | None, counts: Counts) -> str:
    """Name of the fixed categorical covariate that explains most of the log totals, or nothing.

    Compared by the information criterion of a normal model (Schwarz 1978), which demands more of
    a column of many levels; empty if depth does not differ between levels.
    """
    if design is None:
        return ""
    logs, best, most = np.log(np.maximum(counts.totals, 1.0)), "", 0.0
    size = len(logs)
    whole = np.log(np.maximum(((logs - logs.mean()) ** 2).sum(), _NO_SPREAD))
    main = {column.term for column in design.columns if not column.group}
    for one in design.variables:
        if one.levels and one.name in main:
            level = pd.Series(logs).groupby(pd.factorize(level_names(counts.obs, one.name))[0])
            left = np.log(max(((logs - level.transform("mean")) ** 2).sum(), _NO_SPREAD))
            gain = size * (whole - left) - (level.ngroups - 1) * np.log(size)
            if gain > most:
                best, most = one.name, float(gain)
    return best


def depth_note(counts: Counts, formula: str) -> list[str]:
    """Notes on assumptions about capture, in words."""
    by = depth_column(Design.of(formula, counts.obs), counts)
    if not by:
        return []
    return [
        f"Capture efficiencies are estimated for each level of {by}: a difference in depth between "
        "levels is taken for one of capture, not of RNA."
    ]


def _estimate_totals(totals: np.ndarray, library_size: np.ndarray, config: LNMConfig) -> Totals:
    """Totals of cells with the same parameters."""
    some = _sample(totals, config.seed)
    if not config.capture:
        mean = float(totals.mean())
        return Totals(mean, _concentration(lambda r: log_negative_binomial(some, mean, r)))
    mean = float(config.molecules * totals.sum() / library_size.sum())
    return shared_capture(some, mean, float(np.median(_anchor(library_size, config))))


def capture(counts: Counts, config: LNMConfig, totals: Totals) -> Capture | None:
    """Each cell's capture efficiency under known parameters; None for LNM."""
    if not config.capture:
        return None
    arrays = np.empty((4, counts.n_cells))
    averaged = config.capture_prior == "population"
    for cells, known in totals.parts(counts.obs):
        own = counts.totals[cells]
        if averaged and known.alternatives:
            arrays[:, cells] = _averaged(own, known)
            continue
        location, scale = _prior_of(counts.library_size[cells], config, known, new=averaged)
        for start in range(0, len(cells), _CHUNK):
            part = slice(start, start + _CHUNK)
            given = location[part], scale, known.mean, known.concentration
            arrays[:, cells[part]] = capture_posterior(own[part], *given)[:4]
    return Capture(*arrays)


def _averaged(totals: np.ndarray, known: Totals) -> np.ndarray:
    """(4, C) moments of the capture of cells, averaged over the alternatives."""
    values, place = np.unique(totals, return_inverse=True)
    sums = np.zeros((4, len(values)))
    for weight, location, scale, concentration in known.alternatives:
        for start in range(0, len(values), _CHUNK):
            part = slice(start, start + _CHUNK)
            one = capture_posterior(values[part], location, scale, known.mean, concentration)
            sums[:, part] += weight * np.stack(
                [
                    one.eta,
                    one.eta**2 + one.eta_sd**2,
                    one.efficiency,
                    one.efficiency**2 + one.efficiency_sd**2,
                ]
            )
    eta, of_eta, efficiency, of_efficiency = sums[:, place]
    eta_sd = np.sqrt(np.maximum(of_eta - eta**2, 0))
    efficiency_sd = np.sqrt(np.maximum(of_efficiency - efficiency**2, 0))
    return np.stack([eta, eta_sd, efficiency, efficiency_sd])


def eta_prior(counts: Counts, config: LNMConfig, totals: Totals) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale (C,) of the truncated normal prior of each cell's eta."""
    return _priors(counts, config, totals, new=config.capture_prior == "population")


def laws_of(totals: Totals, obs: pd.DataFrame) -> np.ndarray:
    """(C, 2) mean at efficiency 1 and concentration of the totals of cells with these labels."""
    laws = np.empty((len(obs), 2))
    for cells, known in totals.parts(obs):
        laws[cells] = known.mean, known.concentration
    return laws


def new_eta_prior(
    counts: Counts, config: LNMConfig, totals: Totals
) -> tuple[np.ndarray, np.ndarray]:
    """The same for a new cell in place of each; its prior does not use the total."""
    return _priors(counts, config, totals, new=True)


def _priors(
    counts: Counts, config: LNMConfig, totals: Totals, *, new: bool
) -> tuple[np.ndarray, np.ndarray]:
    location, scale = np.empty((2, counts.n_cells))
    for cells, known in totals.parts(counts.obs):
        sizes = counts.library_size[cells]
        location[cells], scale[cells] = _prior_of(sizes, config, known, new=new)
    return location, scale


def _prior_of(
    library_size: np.ndarray, config: LNMConfig, known: Totals, *, new: bool
) -> tuple[np.ndarray, float]:
    if not new or known.eta_location is None or known.eta_scale is None:
        return _anchor(library_size, config), config.capture_sd
    return np.full(len(library_size), known.eta_location), known.eta_scale


def _anchor(library_size: np.ndarray, config: LNMConfig) -> np.ndarray:
    return np.asarray(np.log(config.molecules) - np.log(library_size))


def _concentration(log_evidence: Callable[[float], np.ndarray]) -> float:
    location, scale = LOG_CONCENTRATION

    def loss(log_r: float) -> float:
        prior = 0.5 * ((log_r - location) / scale) ** 2
        return float(prior - log_evidence(float(np.exp(log_r))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_R, method="bounded").x))


def _sample(values: np.ndarray, seed: int) -> np.ndarray:
    if len(values) <= _SAMPLE:
        return values
    return np.random.default_rng(seed).choice(values, _SAMPLE, replace=False)
