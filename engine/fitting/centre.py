"""The mean of effects over genes, which a composition does not tell: how it is estimated.

Effects are known up to a constant; CLR takes their plain mean over genes for zero. That of the
estimates would follow the genes that have next to no counts. With b_g ~ N(c, tau^2) and
e_g ~ N(b_g, s_g^2) the best linear unbiased predictor of the mean of b is a weighted mean of e
(Robinson, G. K. (1991), That BLUP is a good thing, Statistical Science 6),

    a_g = r_g / G + (1 - mean r) u_g,   r_g = tau^2 / (tau^2 + s_g^2),   u_g ~ 1 / (tau^2 + s_g^2):

weights by precision if effects are small beside their errors, and equal ones if they are large.
"""

from __future__ import annotations

import numpy as np

# Of variances, beside the largest: rounding.
_LEAST = 1e-12


def variance_between(values: np.ndarray, variances: np.ndarray) -> float:
    """tau^2 of values (G,) that are known to variances (G,), by moments.

    DerSimonian, R. & Laird, N. (1986), Meta-analysis in clinical trials, Controlled Clinical Trials
    7. 0 of fewer than two values.
    """
    known = np.isfinite(values) & np.isfinite(variances)
    values, variances = values[known], variances[known]
    if len(values) < 2:
        return 0.0
    precision = 1 / np.maximum(variances, max(_LEAST * variances.max(), np.finfo(float).tiny))
    total = precision.sum()
    beyond = precision @ (values - precision @ values / total) ** 2 - (len(values) - 1)
    return float(max(beyond / (total - (precision**2).sum() / total), 0.0))


def centred(
    values: np.ndarray, variances: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The weights a (G,) of the mean, which sum to one, and variances (G,) about b_g - mean b.

    Errors are independent: ``s_g^2 (1 - 2 a_g) + sum a^2 s^2 + tau^2 sum (a - 1/G)^2``.

    Parameters
    ----------
    counted
        (G,) mask of the genes over which the mean goes.
    """
    own, weights = variances[counted], np.zeros(len(values))
    between = variance_between(values[counted], own)
    whole = between + own
    kept = between / whole
    part = kept / len(own) + (1 - kept.mean()) / whole / (1 / whole).sum()
    weights[counted] = part
    of_centre = (part**2 * own).sum() + between * ((part - 1 / len(own)) ** 2).sum()
    return weights, variances * (1 - 2 * weights) + of_centre
