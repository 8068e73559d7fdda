"""Check that an encoder tracks the capture latent."""

from __future__ import annotations

import numpy as np

from engine.lnm.fit import Capture

# Least agreement of an encoder that tracks eta with each cell's own posterior.
_LEAST_CORRELATION = 0.9
_SLOPES = (0.5, 2.0)
# If eta varies over cells by less than this share of its posterior sd, nothing can be tracked.
_LEAST_SPREAD = 0.05


def collapse(amortized: Capture, exact: Capture, *, refined: bool) -> str:
    """A warning if the encoder's eta does not follow each cell's own posterior; otherwise "".

    Measured over the cells by the correlation of the two means of eta and by the slope of the
    encoder's on the exact one: an encoder that collapses gives every cell about the same.

    Parameters
    ----------
    refined
        Whether the fit keeps the exact posteriors.
    """
    spread = float(np.std(exact.eta))
    if len(exact.eta) < 3 or spread < _LEAST_SPREAD * float(np.mean(exact.eta_sd)):
        return ""
    correlation, slope = agreement(amortized, exact)
    if correlation >= _LEAST_CORRELATION and _SLOPES[0] <= slope <= _SLOPES[1]:
        return ""
    advice = (
        "the efficiencies kept are each cell's own; those of the encoder alone are not to be used"
        if refined
        else "refine, or use inference='laplace'"
    )
    return (
        "the encoder does not track the capture latent: its eta correlates "
        f"r = {correlation:.2f} with each cell's own posterior (slope {slope:.2f}); {advice}"
    )


def agreement(amortized: Capture, exact: Capture) -> tuple[float, float]:
    """Correlation of the encoder's eta with the exact one, 0 if it is constant; and its slope."""
    one, other = amortized.eta - amortized.eta.mean(), exact.eta - exact.eta.mean()
    shared = float(one @ other)
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    # A spread below the resolution of float32 is none.
    flat = np.std(amortized.eta) < 1e-6
    return (0.0 if flat else shared / norms), shared / float(other @ other)
