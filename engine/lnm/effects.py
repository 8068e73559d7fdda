"""Effects of covariates as the likelihood has them, with their errors.

The effects of a fit are shrunk (`engine.lnm.effects_prior`). Taken out again is the prior of what
the factors do not explain of a fixed effect; that of random effects stays, so that a fixed effect
that varies from donor to donor has the error of few donors. With H the information of the complete
data on (b, m) of a gene, P_r that prior, and x the covariates of all cells,

    b + (H + P_r)^-1 P_f r,    s^2 = (H + P_r)^-1 + w'w (sum_c x x' + P_M)^-1,

r = b - W M; the last part is how much the scores of the cells vary.
"""

from __future__ import annotations

import numpy as np

from engine.fitting.estimates import Estimates
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.packing import unpack
from engine.lnm.point import Point

_RIDGE = 1e-6
# Of the variance of a covariate: what is left of one that is the same in all cells of a level.
_CONSTANT = 1e-6


def coefficients_of(point: Point, design: Design, is_gene: np.ndarray) -> tuple[Estimates, ...]:
    """CLR effect (G,) of each fixed column, in the units of its covariate.

    Parameters
    ----------
    is_gene
        (G,) mask of the real genes: weighted by their precision these do not change on average.
    """
    prior = point.prior.effects
    assert prior is not None
    size, fixed = point.n_factors, design.n_fixed
    blocks = np.array(unpack(point.sums.curvature))[:, size:, size:]
    precision = prior.precision(len(blocks))
    left = point.effects - point.loadings @ prior.explained(point.loadings, point.effects)
    random = np.arange(fixed, len(design.columns))
    blocks[:, random, random] += precision[:, fixed:]
    blocks += _RIDGE * np.eye(blocks.shape[-1])
    inverse = np.linalg.inv(blocks)
    pull = np.zeros(blocks.shape[:2])
    pull[:, :fixed] = precision[:, :fixed] * left[:, :fixed]
    effects = point.effects[:, :fixed] + np.einsum("gij,gj->gi", inverse, pull)[:, :fixed]
    moments = point.moments[size:-1, size:-1]
    of_cells = moments * float(point.sums.weight) + _RIDGE * np.eye(len(moments))
    of_cells[random, random] += 1 / prior.of_factors[prior.terms]
    spread = np.diag(np.linalg.inv(of_cells))[:fixed]
    counting = np.diagonal(inverse, axis1=1, axis2=2)[:, :fixed]
    loadings = point.loadings - point.loadings.mean(0)
    variance = counting + (loadings**2).sum(1)[:, None] * spread
    scale = np.asarray(design.scale)[:fixed]
    effects, error = effects / scale, np.sqrt(variance) / scale
    weights = np.where(is_gene[:, None], 1 / error**2, 0.0)
    effects = effects - (weights * effects).sum(0) / weights.sum(0)
    freedom = _freedom(design, moments, prior)
    return tuple(Estimates(effects[:, j], error[:, j], freedom[j]) for j in range(fixed))


def _freedom(design: Design, moments: np.ndarray, prior: EffectsPrior) -> np.ndarray:
    """(f,) degrees of freedom: of the levels of a group that a fixed effect varies between.

    Those that the prior of the variances of genes adds are among them (Smyth 2004).

    Parameters
    ----------
    moments
        (p, p) mean over the cells of the products of the covariates, which are centred.
    """
    fixed = design.n_fixed
    freedom = np.full(fixed, np.inf)
    terms = [column.term for column in design.columns]
    for number, term in enumerate(dict.fromkeys(terms[fixed:])):
        own = [j for j, name in enumerate(terms) if name == term]
        levels = len({design.columns[j].label.rsplit("|", 1)[-1] for j in own})
        if term.startswith("(1 |"):
            # A covariate that is the same in all cells of a level: levels are its units.
            between = moments[:fixed, own]
            explained = between @ np.linalg.pinv(moments[np.ix_(own, own)], hermitian=True)
            rest = np.diag(moments)[:fixed] - (explained * between).sum(1)
            found = np.flatnonzero(rest < _CONSTANT * np.diag(moments)[:fixed])
            count = levels - 1 - len(found)
        else:
            name = term.removeprefix("(").split(" |")[0]
            found = np.array([j for j in range(fixed) if terms[j] == name], dtype=int)
            count = levels - 1
        freedom[found] = np.minimum(freedom[found], max(count, 1) + prior.freedom[number])
    return freedom
