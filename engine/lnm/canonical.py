"""From logits in any gauge and rotation to CLR on principal axes, the form in a Fit."""

from __future__ import annotations

import numpy as np


def principal_axes(loadings: np.ndarray, is_gene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CLR loadings on their principal axes, and the rotation to these.

    ``W_clr = H W = U S V'``: returns ``W_clr V`` (columns ordered by explained variance, the
    largest absolute loading of a real gene positive) and V (k, k). Scores rotate to ``z V``.
    """
    centred = loadings - loadings.mean(0)
    if not loadings.shape[1]:
        return centred, np.zeros((0, 0))
    # With fewer genes than factors, the reduced decomposition would lack some axes.
    _, _, axes = np.linalg.svd(centred, full_matrices=len(centred) < centred.shape[1])
    rotated = centred @ axes.T
    genes = rotated[is_gene]
    largest = genes[np.abs(genes).argmax(0), np.arange(genes.shape[1])]
    signs = np.where(largest < 0, -1.0, 1.0)
    return rotated * signs, axes.T * signs
