"""Agreement of chains: rank-normalised split R-hat and bulk effective sample size.

Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), *Rank-normalization, folding, and
localization: an improved R-hat*. Computed for quantities that no rotation of W changes: the mean in
CLR, CLR covariances of up to 30 genes, log d, eta of up to 200 cells, and the log density.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from scipy.special import ndtri
from scipy.stats import rankdata

# R-hat above the first gives a warning; above the second the chains have not converged.
GOOD_RHAT, BAD_RHAT = 1.01, 1.05
# Effective draws of a quantity below which there is a warning.
_FEW = 100.0


def rhat(draws: np.ndarray) -> np.ndarray:
    """The larger of the rank-normalised split R-hat of the draws and of their folds.

    Parameters
    ----------
    draws
        (chains, draws, quantities).
    """
    folded = np.abs(draws - np.median(draws, axis=(0, 1)))
    statistics = [np.asarray(split_gelman_rubin(_normalised(part))) for part in (draws, folded)]
    return np.maximum(*statistics)


def bulk_ess(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of the rank-normalised halves of the chains; as `rhat`."""
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    return np.asarray(effective_sample_size(_normalised(split)))


def _normalised(draws: np.ndarray) -> np.ndarray:
    ranks = rankdata(draws.reshape(-1, draws.shape[-1]), axis=0)
    return np.asarray(ndtri((ranks - 0.375) / (len(ranks) + 0.25))).reshape(draws.shape)


def diagnose(followed: Sequence[dict[str, np.ndarray]], divergences: int, longest: int) -> dict:
    """Diagnostics of the chains, as plain values.

    Returns
    -------
    ``worst_rhat``, ``least_ess``, ``divergences``, ``longest`` (trajectories cut at their greatest
    length), ``chains``, ``draws`` (of each chain), and ``quantities``: for each group of numbers
    its own worst R-hat and least effective sample size.
    """
    groups: dict[str, dict[str, float]] = {}
    for name in followed[0]:
        draws = np.stack([draw[name] for draw in followed], axis=1)
        groups[name] = {
            "worst_rhat": float(rhat(draws).max()),
            "least_ess": float(bulk_ess(draws).min()),
        }
    return {
        "worst_rhat": max(group["worst_rhat"] for group in groups.values()),
        "least_ess": min(group["least_ess"] for group in groups.values()),
        "divergences": divergences,
        "longest": longest,
        "chains": len(followed[0]["log density"]),
        "draws": len(followed),
        "quantities": groups,
    }


def diagnostics_words(diagnostics: dict[str, Any]) -> str:
    """The diagnostics in words, with warnings where needed."""
    worst, least = diagnostics["worst_rhat"], diagnostics["least_ess"]
    divergences = diagnostics["divergences"]
    words = [
        f"NUTS: worst R-hat {worst:.3f}, least ESS {least:,.0f}, "
        f"{divergences:,} divergence{'' if divergences == 1 else 's'}"
    ]
    if worst > BAD_RHAT:
        advice = "allow more draws, or set loadings_scale"
        words.append(f"warning: the chains have not met, do not use this fit: {advice}")
    elif worst > GOOD_RHAT:
        words.append(f"warning: R-hat above {GOOD_RHAT}, more draws would be surer")
    if divergences:
        words.append("warning: trajectories diverged, parts of the posterior may be missing")
    if least < _FEW <= diagnostics["draws"] * diagnostics["chains"]:
        words.append(f"warning: fewer than {_FEW:.0f} effective draws of some numbers")
    return "; ".join(words)
