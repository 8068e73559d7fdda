"""Estimate of the mean of effects over genes, which compositions do not identify.

Effects are known up to a constant; CLR sets their plain mean over genes to zero. The plain mean
of estimates would follow the genes that have next to no counts. With b_g ~ N(c, tau^2) and
e_g ~ N(b_g, s_g^2) the best linear unbiased predictor of the mean of b is a weighted mean of e
(Robinson, G. K. (1991), That BLUP is a good thing, Statistical Science 6),

    a_g = r_g / G + (1 - mean r) u_g,   r_g = tau^2 / (tau^2 + s_g^2),   u_g ~ 1 / (tau^2 + s_g^2):

The weights follow the precision if effects are small beside their errors; they are equal if
effects are large.
"""

from __future__ import annotations

import numpy as np

# Smallest variance, relative to the largest, that is not a rounding error.
_LEAST = 1e-12


def variance_between(values: np.ndarray, variances: np.ndarray) -> float:
    """Estimate tau^2 by moments, from values (G,) and the variances (G,) of their errors.

    DerSimonian, R. & Laird, N. (1986), Meta-analysis in clinical trials, Controlled Clinical Trials
    7. Returns 0 for fewer than two values.
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
    """Weights a (G,) of the mean, which sum to one, and error variances (G,) of b_g - mean b.

    Errors are independent: ``s_g^2 (1 - 2 a_g) + sum a^2 s^2 + tau^2 sum (a - 1/G)^2``.

    Parameters
    ----------
    counted
        (G,) mask of the genes that the mean is taken over.
    """
    own, weights = variances[counted], np.zeros(len(values))
    between = variance_between(values[counted], own)
    whole = between + own
    reliability = between / whole
    part = reliability / len(own) + (1 - reliability.mean()) / whole / (1 / whole).sum()
    weights[counted] = part
    of_centre = (part**2 * own).sum() + between * ((part - 1 / len(own)) ** 2).sum()
    return weights, variances * (1 - 2 * weights) + of_centre
