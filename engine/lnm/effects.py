"""Effects of covariates as the likelihood has them, with their errors.

The effects of a fit are shrunk (`engine.lnm.effects_prior`). Taken out again is the prior of what
the factors do not explain of a fixed effect; that of random effects stays, so that a fixed effect
that varies from donor to donor has the error of few donors. With H the information of the complete
data on (b, m) of a gene, P_r that prior, and x the covariates of all cells,

    b + (H + P_r)^-1 P_f r,    s^2 = (H + P_r)^-1 + w'w (sum_c x x' + P_M)^-1,

r = b - W M; the last part is how much the scores of the cells vary.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.data import Counts
from engine.fitting.estimates import Estimates
from engine.lnm import equations
from engine.lnm.covariates import covariates_of
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.fit import Fit
from engine.lnm.packing import unpack
from engine.lnm.passes import Passes
from engine.lnm.points import integral_for
from engine.lnm.residual import LOG_NO_NOISE

_RIDGE = 1e-6


def effects_of(
    fit: Fit, counts: Counts
) -> Generator[float, None, tuple[tuple[str, str, Estimates], ...]]:
    """Label, term and CLR effect (G,) of each fixed column, in the units of its covariate.

    Parameters
    ----------
    counts
        The cells of the fit, of its features; each with at least one count.
    """
    design = fit.design
    if design is None:
        return ()
    covariates = covariates_of(design, counts.obs)
    assert covariates is not None
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    scores = fit.scores if fit.cells.equals(counts.cells) else None
    config = fit.config
    passes = Passes(
        counts,
        fit.n_factors,
        config.precision,
        config.block_cells,
        scores,
        integral_for(fit),
        covariates=covariates,
    )
    size, fixed = fit.n_factors, design.n_fixed
    params = equations.Params(fit.mean_clr, fit.loadings, log_noise)
    nothing = np.zeros((size, size))
    seen = yield from passes.run(params, np.eye(size), nothing, fit.effects)
    assert seen.sums is not None
    blocks = np.array(unpack(seen.sums.curvature))[:, size:, size:]
    prior = EffectsPrior.from_dict(fit.prior["effects"])
    precision = prior.precision(len(fit.genes))
    left = fit.effects - fit.loadings @ prior.explained(fit.loadings, fit.effects)
    random = np.arange(fixed, len(design.columns))
    blocks[:, random, random] += precision[:, fixed:]
    blocks += _RIDGE * np.eye(blocks.shape[-1])
    inverse = np.linalg.inv(blocks)
    pull = np.zeros(blocks.shape[:2])
    pull[:, :fixed] = precision[:, :fixed] * left[:, :fixed]
    effects = fit.effects[:, :fixed] + np.einsum("gij,gj->gi", inverse, pull)[:, :fixed]
    of_cells = covariates.T.astype(float) @ covariates + _RIDGE * np.eye(covariates.shape[1])
    of_cells[random, random] += 1 / prior.of_factors[prior.terms]
    spread = np.diag(np.linalg.inv(of_cells))[:fixed]
    counting = np.diagonal(inverse, axis1=1, axis2=2)[:, :fixed]
    variance = counting + (fit.loadings**2).sum(1)[:, None] * spread
    freedom = _freedom(design, covariates, prior)
    scale = np.asarray(design.scale)[:fixed]
    effects, error = effects / scale, np.sqrt(variance) / scale
    # CLR: of the real genes, weighted by their precision.
    weights = np.where(fit.is_gene[:, None], 1 / error**2, 0.0)
    effects = effects - (weights * effects).sum(0) / weights.sum(0)
    return tuple(
        (column.label, column.term, Estimates(effects[:, j], error[:, j], freedom[j]))
        for j, column in enumerate(design.columns[:fixed])
    )


def _freedom(design: Design, covariates: np.ndarray, prior: EffectsPrior) -> np.ndarray:
    """(f,) degrees of freedom: of the levels of a group that a fixed effect varies between.

    Those that the prior of the variances of genes adds are among them (Smyth 2004).
    """
    fixed = design.n_fixed
    freedom = np.full(fixed, np.inf)
    terms = [column.term for column in design.columns]
    for number, term in enumerate(dict.fromkeys(terms[fixed:])):
        own = [j for j, name in enumerate(terms) if name == term]
        group = design.columns[own[0]].group
        levels = len({column.label.split("|")[-1] for column in (design.columns[j] for j in own)})
        if term.startswith("(1 |"):
            # A covariate that is the same in all cells of a level: levels are its units.
            indicators = np.column_stack([np.ones(len(covariates)), covariates[:, own]])
            solved, *_ = np.linalg.lstsq(indicators, covariates[:, :fixed], rcond=None)
            rest = ((covariates[:, :fixed] - indicators @ solved) ** 2).sum(0)
            within = rest > 1e-6 * (covariates[:, :fixed] ** 2).sum(0)
            between = np.flatnonzero(~within)
            own_freedom = max(levels - 1 - len(between), 1) + prior.freedom[number]
            freedom[between] = np.minimum(freedom[between], own_freedom)
        else:
            named = term.removeprefix("(").split(" |")[0]
            slopes = [j for j in range(fixed) if terms[j] == named and group]
            own_freedom = max(levels - 1, 1) + prior.freedom[number]
            freedom[slopes] = np.minimum(freedom[slopes], own_freedom)
    return freedom
