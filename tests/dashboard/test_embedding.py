from __future__ import annotations

import numpy as np
import pytest

from dashboard.embedding import umap_coordinates


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaWarning")
def test_same_scores_same_picture_and_groups_stay_apart() -> None:
    rng = np.random.default_rng(0)
    scores = np.r_[rng.normal(-4, 1, (60, 4)), rng.normal(4, 1, (60, 4))]
    first, second = umap_coordinates(scores), umap_coordinates(scores)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (120, 2)
    centres = first[:60].mean(0), first[60:].mean(0)
    within = np.linalg.norm(first[:60] - centres[0], axis=1).mean()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * within


@pytest.mark.parametrize("shape", [(12, 1), (11, 3)])
def test_few_cells_and_one_factor(shape: tuple[int, int]) -> None:
    xy = umap_coordinates(np.random.default_rng(0).normal(size=shape))
    assert xy.shape == (shape[0], 2)
    assert np.isfinite(xy).all()
