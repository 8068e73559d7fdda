from __future__ import annotations

import os
from pathlib import Path

import numba
import numpy as np
import pytest

from dashboard import umap_layout as module
from dashboard.umap_layout import compilations, umap_layout


def groups(rng: np.random.Generator, cells: int) -> np.ndarray:
    half = cells // 2
    return np.r_[rng.normal(-4, 1, (half, 4)), rng.normal(4, 1, (half, 4))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaWarning")
def test_same_scores_same_picture_and_groups_stay_apart() -> None:
    scores = groups(np.random.default_rng(0), 120)
    first, second = umap_layout(scores), umap_layout(scores)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (120, 2)
    centres = first[:60].mean(0), first[60:].mean(0)
    within = np.linalg.norm(first[:60] - centres[0], axis=1).mean()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * within


def test_what_numba_compiles_is_kept_for_the_next_process() -> None:
    """Numba caches what it can of UMAP and pynndescent, and no other functions."""
    before = numba.njit, numba.config.CACHE_DIR, os.environ["NUMBA_CACHE_DIR"]
    umap_layout(np.random.default_rng(0).normal(size=(12, 2)))
    from pynndescent import distances

    names = {path.name.split("-")[0] for path in compilations().rglob("*.nbc")}
    assert "layouts._optimize_layout_euclidean_single_epoch" in names
    assert any(name.startswith("distances.") for name in names)
    # distances of other kinds are not compiled as pynndescent is imported
    assert distances.squared_euclidean.signatures
    assert not distances.hellinger.signatures
    assert (numba.njit, numba.config.CACHE_DIR, os.environ["NUMBA_CACHE_DIR"]) == before


def test_each_release_has_compilations_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = compilations()
    assert folder.parent == tmp_path
    monkeypatch.setattr(module, "version", lambda name: "0.0")
    assert compilations() != folder


@pytest.mark.parametrize("shape", [(12, 1), (11, 3)])
def test_few_cells_and_one_factor(shape: tuple[int, int]) -> None:
    xy = umap_layout(np.random.default_rng(0).normal(size=shape))
    assert xy.shape == (shape[0], 2)
    assert np.isfinite(xy).all()


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaWarning")
def test_many_cells_are_placed_among_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FITTED", 100)
    monkeypatch.setattr(module, "BLOCK", 60)
    scores = groups(np.random.default_rng(0), 300)
    reports: list[tuple[float, str]] = []
    xy = umap_layout(scores, lambda *news: reports.append(news))
    assert xy.shape == (300, 2)
    assert np.isfinite(xy).all()
    centres = xy[:150].mean(0), xy[150:].mean(0)
    nearer = [np.linalg.norm(xy - centre, axis=1) for centre in centres]
    assert ((nearer[0] < nearer[1]) == (np.arange(300) < 150)).mean() > 0.98
    assert [words for _, words in reports] == [
        "laying out 100 cells",
        "placing cells: 0 of 200",
        "placing cells: 60 of 200",
        "placing cells: 120 of 200",
        "placing cells: 180 of 200",
    ]
    shares = [share for share, _ in reports]
    assert shares == sorted(shares)
    assert shares[-1] < 1
    np.testing.assert_array_equal(umap_layout(scores), xy)
