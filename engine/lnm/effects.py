"""Effects of covariates as the likelihood has them, with their errors.

The effects of a fit are shrunk (`engine.lnm.effects_prior`). Taken out again is the prior of what
the factors do not explain of a fixed effect; that of random effects stays, so that a fixed effect
that varies from donor to donor has the error of few donors. With H the information of the complete
data on (b, m) of a gene, P_r that prior, and x the covariates of all cells,

    b + (H + P_r)^-1 P_f r,    s^2 = (H + P_r)^-1 + w'w (sum_c x x' + P_M)^-1,

r = b - W M, and w less its mean over genes; the last part is how much the scores of the cells vary.
Both are then centred over genes, see `engine.fitting.centre`.
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
# Levels of a group on either side of an effect, below which it is not tested.
FEWEST_UNITS = 3


def coefficients_of(
    point: Point, design: Design, covariates: np.ndarray, is_gene: np.ndarray
) -> tuple[tuple[Estimates, ...], tuple[str, ...]]:
    """CLR effect (G,) of each fixed column, for one of its covariate, and its unit.

    Parameters
    ----------
    covariates
        (C, p) of the cells.
    is_gene
        (G,) mask of the real genes: on a plain average these do not change. That average is itself
        estimated (`engine.fitting.centre`), which is in the errors.
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
    found = (Estimates(effects[:, j], error[:, j], freedom[j]) for j in range(fixed))
    return tuple(found), tuple(units)


def drawn_coefficients(
    design: Design,
    covariates: np.ndarray,
    prior: EffectsPrior,
    mean: np.ndarray,
    variance: np.ndarray,
) -> tuple[tuple[Estimates, ...], tuple[str, ...]]:
    """The same from draws: posterior means and variances (G, p) of CLR effects.

    Nothing of their prior is taken out of these.
    """
    scale = np.asarray(design.scale)
    units, freedom = _units(design, covariates, prior)
    found = (
        Estimates(mean[:, j] / scale[j], np.sqrt(variance[:, j]) / scale[j], freedom[j])
        for j in range(design.n_fixed)
    )
    return tuple(found), tuple(units)


def _units(
    design: Design, covariates: np.ndarray, prior: EffectsPrior
) -> tuple[list[str], np.ndarray]:
    """What each fixed effect varies between, and its (f,) degrees of freedom.

    Units are the levels of a group if a covariate is the same in all cells of a level and there is
    ``(1 | group)``, or if there is ``(covariate | group)``, and else cells. Degrees that the prior
    of the variances of genes adds are among them (Smyth 2004). There are none with fewer than three
    levels on a side: what varies between levels is then not known.
    """
    fixed, terms = design.n_fixed, [column.term for column in design.columns]
    units, freedom = ["cell"] * fixed, np.full(fixed, np.inf)
    # As they were before they were centred: some are zero.
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
        told = term.removeprefix("(").split(" |")[0]
        if told == "1":
            between = np.flatnonzero(~varies.any(0))
            left = count - 1 - len(between)
        else:
            between = np.flatnonzero([name == told for name in terms[:fixed]])
            left = count - 1
        for j in between:
            if told == "1":
                siblings = [i for i in range(fixed) if terms[i] == terms[j]]
                size = on_a_side(low, siblings, int(j))
            else:
                size = int(varies[:, j].sum())
            enough = size >= FEWEST_UNITS and left > 0
            found = left + prior.freedom[number] if enough else 0.0
            if found < freedom[j]:
                units[j], freedom[j] = group, found
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
