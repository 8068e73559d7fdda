"""Distances of topics, and the positions in a plane that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform

from engine.per_fit import per_fit
from engine.results import AnyFit
from engine.summaries.loading_tables import factor_shares


class Placement(NamedTuple):
    """Topics in a plane.

    Attributes
    ----------
    table
        One row a topic: ``x``, ``y`` and ``share``, as `factor_shares` gives it.
    explained
        Share of the squared distances that each of the two axes carries.
    """

    table: pd.DataFrame
    explained: tuple[float, float]


@per_fit
def topic_distances(fit: AnyFit) -> pd.DataFrame:
    """Jensen-Shannon distances of topics, 0 (the same) to 1 (no feature in common).

    ``D(s, t)^2 = H2((p_s + p_t) / 2) - (H2(p_s) + H2(p_t)) / 2``, entropies in bits over all
    features, the pooled rest included (Endres & Schindelin 2003). Of factors, p_j(g) is the
    share of the CLR variance of factor j that gene g carries, ``w_gj^2 / sum_g w_gj^2``:
    factors of the same genes are close, whatever their signs. It changes with the rotation
    that W is known up to; `Fit` keeps the principal axes.
    """
    weights = fit.profiles()
    shares = (weights / weights.sum(0)).T
    # For two equal topics, rounding may take the root of a tiny negative number.
    between = np.nan_to_num(pdist(shares, "jensenshannon")) / np.sqrt(np.log(2))
    names = fit.factor_names
    return pd.DataFrame(squareform(np.clip(between, 0, 1)), index=names, columns=names)


@per_fit
def topic_placement(fit: AnyFit) -> Placement:
    """Principal coordinates of `topic_distances` (Gower 1966), signed to be reproducible.

    The distances are those of points in some Euclidean space, of which the plane shows the two
    directions of largest spread. The largest coordinate of either is positive.
    """
    squared = topic_distances(fit).to_numpy() ** 2
    count = len(squared)
    centring = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-0.5 * centring @ squared @ centring)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    plane = np.zeros((count, 2))
    width = min(count, 2)
    plane[:, :width] = vectors[:, :width] * np.sqrt(values[:width])
    largest = plane[np.abs(plane).argmax(0), [0, 1]]
    plane *= np.where(largest < 0, -1, 1)
    total = max(float(values.sum()), 1e-300)
    explained = (float(values[0]) / total, float(values[1]) / total if count > 1 else 0.0)
    table = pd.DataFrame(plane, index=fit.factor_names, columns=["x", "y"])
    return Placement(table.assign(share=factor_shares(fit)), explained)
