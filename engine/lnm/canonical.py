"""From logits in any gauge and rotation to CLR on principal axes, the form that a Fit keeps."""

from __future__ import annotations

import numpy as np


def principal_axes(loadings: np.ndarray, is_gene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CLR loadings on their principal axes, and the rotation that leads there.

    ``W_clr = H W = U S V'``: returns ``W_clr V`` (columns ordered by explained variance, the
    largest absolute loading of a real gene positive) and V (k, k). Scores turn along: ``z V``.
    """
    centred = loadings - loadings.mean(0)
    if not loadings.shape[1]:
        return centred, np.zeros((0, 0))
    # Of fewer genes than factors not all axes would be found without.
    _, _, axes = np.linalg.svd(centred, full_matrices=len(centred) < centred.shape[1])
    rotated = centred @ axes.T
    genes = rotated[is_gene]
    largest = genes[np.abs(genes).argmax(0), np.arange(genes.shape[1])]
    signs = np.where(largest < 0, -1.0, 1.0)
    return rotated * signs, axes.T * signs
