"""Prior of a gene's variance, learned from many genes: a scaled inverse chi^2 (Smyth 2004).

    s_g^2 | sigma_g^2 ~ sigma_g^2 chi^2_d / d,   1 / sigma_g^2 ~ chi^2_nu / (nu tau^2)

Smyth, G. K. (2004), Linear models and empirical Bayes methods for assessing differential
expression in microarray experiments, Stat. Appl. Genet. Mol. Biol. 3, section 6.2.
"""

from __future__ import annotations

import numpy as np
from scipy import special

_FEWEST, _MOST = 2.0, 200.0


def variances_prior(variances: np.ndarray, freedom: float) -> tuple[float, float]:
    """Degrees of freedom nu and location tau^2 of the prior.

    Parameters
    ----------
    variances
        (G,) s^2 above zero.
    freedom
        Degrees of freedom d of each.
    """
    logs = np.log(variances)
    own = special.digamma(freedom / 2) - np.log(freedom / 2)
    beyond = logs.var(ddof=1) - float(special.polygamma(1, freedom / 2)) if len(logs) > 1 else 0.0
    nu = float(np.clip(2 * _inverse_trigamma(beyond) if beyond > 0 else _MOST, _FEWEST, _MOST))
    return nu, float(np.exp(logs.mean() - own + special.digamma(nu / 2) - np.log(nu / 2)))


def _inverse_trigamma(value: float) -> float:
    """Argument at which trigamma has a value, by Newton on 1 / trigamma (the paper's appendix)."""
    at = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, at))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, at))
        at += step
        if abs(step) < 1e-8 * at:
            break
    return at
