"""Effects of covariates without shrinkage, with their errors.

The effects of a fit are shrunk (`engine.lnm.effects_prior`). Here the prior P_f of a fixed effect's
part that the factors do not explain is removed; the prior P_r of random effects stays, so that a
fixed effect that varies from donor to donor has the error of few donors. With H the information of
the complete data on (b, m) of a gene, and x the covariates of all cells,

    b + (H + P_r)^-1 P_f r,    s^2 = (H + P_r)^-1 + w'w (sum_c x x' + P_M)^-1,

with r = b - W M, and w less its mean over genes; the last term is the variation of the cells'
scores. Both are then centred over genes, see `engine.fitting.centre`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.fitting.centre import centred
from engine.fitting.estimates import Estimates
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.packing import unpack
from engine.lnm.point import Point

_RIDGE = 1e-6
# Fewest levels of a group on either side of an effect that is tested.
FEWEST_UNITS = 3


def coefficients_of(
    point: Point, design: Design, covariates: np.ndarray, is_gene: np.ndarray
) -> tuple[tuple[Estimates, ...], tuple[str, ...]]:
    """CLR effect (G,) of each fixed column per unit of its covariate, and what it varies between.

    Parameters
    ----------
    covariates
        (C, p) of the cells.
    is_gene
        (G,) mask of the real genes, whose mean effect is zero. That mean is itself estimated
        (`engine.fitting.centre`); the errors include this.
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
    loadings = point.loadings
    variance = np.empty_like(effects)
    for j in range(fixed):
        # CLR: of the real genes.
        weights, variance[:, j] = centred(effects[:, j], counting[:, j], is_gene)
        variance[:, j] += ((loadings - weights @ loadings) ** 2).sum(1) * spread[j]
        effects[:, j] -= weights @ effects[:, j]
    units, freedom = _units(design, covariates, prior)
    scale = np.asarray(design.scale)[:fixed]
    effects /= scale
    error = np.sqrt(variance) / scale
    estimates = (Estimates(effects[:, j], error[:, j], freedom[j]) for j in range(fixed))
    return tuple(estimates), tuple(units)


def drawn_coefficients(
    design: Design,
    covariates: np.ndarray,
    prior: EffectsPrior,
    mean: np.ndarray,
    variance: np.ndarray,
) -> tuple[tuple[Estimates, ...], tuple[str, ...]]:
    """The same from draws: posterior means and variances (G, p) of CLR effects.

    Their prior is not removed.
    """
    scale = np.asarray(design.scale)
    units, freedom = _units(design, covariates, prior)
    estimates = (
        Estimates(mean[:, j] / scale[j], np.sqrt(variance[:, j]) / scale[j], freedom[j])
        for j in range(design.n_fixed)
    )
    return tuple(estimates), tuple(units)


def _units(
    design: Design, covariates: np.ndarray, prior: EffectsPrior
) -> tuple[list[str], np.ndarray]:
    """What each fixed effect varies between, and its (f,) degrees of freedom.

    Units are the levels of a group if a covariate is the same in all cells of a level and there is
    ``(1 | group)``, or if there is ``(covariate | group)``, and else cells. The degrees of freedom
    include those of the prior of the genes' variances (Smyth 2004). They are zero with fewer than
    three levels on a side: the variance between levels is then unknown.
    """
    fixed, terms = design.n_fixed, [column.term for column in design.columns]
    units, freedom = ["cell"] * fixed, np.full(fixed, np.inf)
    # The columns before they were centred and scaled.
    bare = covariates * np.asarray(design.scale) + np.asarray(design.centre)
    for number, term in enumerate(dict.fromkeys(terms[fixed:])):
        own = [j for j, name in enumerate(terms) if name == term]
        group = design.columns[own[0]].group
        count = next(len(one.levels) for one in design.variables if one.name == group)
        # Columns go through the levels, again for each slope.
        level = np.abs(bare[:, own]).argmax(1) % count
        table = pd.DataFrame(bare[:, :fixed]).groupby(level)
        low, high = table.min().to_numpy(), table.max().to_numpy()
        varies = high - low > 1e-6 * np.abs(bare[:, :fixed]).max(0)
        covariate = term.removeprefix("(").split(" |")[0]
        if covariate == "1":
            between = np.flatnonzero(~varies.any(0))
            left = count - 1 - len(between)
        else:
            between = np.flatnonzero([name == covariate for name in terms[:fixed]])
            left = count - 1
        for j in between:
            if covariate == "1":
                siblings = [i for i in range(fixed) if terms[i] == terms[j]]
                size = on_a_side(low, siblings, int(j))
            else:
                size = int(varies[:, j].sum())
            enough = size >= FEWEST_UNITS and left > 0
            degrees = left + prior.freedom[number] if enough else 0.0
            if degrees < freedom[j]:
                units[j], freedom[j] = group, degrees
    return units, freedom


def on_a_side(levels: np.ndarray, siblings: list[int], column: int) -> int:
    """Fewest levels of a group on a side of one of the columns of a term.

    Parameters
    ----------
    levels
        (L, f) columns of each level, which are the same in all of its cells.
    siblings
        Columns of the same term: a level is on the side of the reference that has none of them.
    """
    own = levels[:, column]
    if len(np.unique(own)) != 2:
        return len(levels)
    reference = (levels[:, siblings] == levels[:, siblings].min(0)).all(1)
    return int(min(reference.sum(), (own > own.min()).sum()))
