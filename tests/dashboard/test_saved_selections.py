from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from dashboard import saved_selections


@pytest.mark.parametrize("cells", [1, 7, 8, 9, 1000])
def test_a_selection_comes_back_by_its_id(tmp_path: Path, cells: int) -> None:
    mask = np.random.default_rng(cells).random(cells) < 0.4
    saved_selections.write(tmp_path, mask)
    np.testing.assert_array_equal(
        saved_selections.read(tmp_path, saved_selections.name(mask)), mask
    )


def test_ids_differ_where_cells_do() -> None:
    masks = [np.zeros(9, bool), np.zeros(10, bool), np.eye(9, dtype=bool)[0]]
    assert len({saved_selections.name(mask) for mask in masks}) == 3


def test_what_is_missing_or_damaged_is_none(tmp_path: Path) -> None:
    mask = np.ones(30, bool)
    key = saved_selections.name(mask)
    assert saved_selections.read(tmp_path, key) is None
    saved_selections.write(tmp_path, mask)
    path = tmp_path / saved_selections.FOLDER / f"{key}.npz"
    other = saved_selections.name(mask[:20])
    path.with_name(f"{other}.npz").write_bytes(path.read_bytes())
    assert saved_selections.read(tmp_path, other) is None, "not what its name says"
    path.write_bytes(path.read_bytes()[:-40])
    assert saved_selections.read(tmp_path, key) is None
    np.savez(path, bits=np.array([{"pickle": 1}], dtype=object), cells=30)
    assert saved_selections.read(tmp_path, key) is None


def test_the_oldest_go(tmp_path: Path) -> None:
    masks = [np.arange(100) == i for i in range(saved_selections.MOST + 5)]
    for age, mask in enumerate(masks):
        saved_selections.write(tmp_path, mask)
        path = tmp_path / saved_selections.FOLDER / f"{saved_selections.name(mask)}.npz"
        os.utime(path, (age + 1, age + 1))
    saved_selections.write(tmp_path, masks[0])
    left = [
        saved_selections.read(tmp_path, saved_selections.name(mask)) is not None for mask in masks
    ]
    assert sum(left) == saved_selections.MOST
    assert left[0], "written again just now"
    assert not any(left[1:6])
    assert not list((tmp_path / saved_selections.FOLDER).glob(".*"))


def test_a_deleted_run_does_not_come_back(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        saved_selections.write(tmp_path / "gone", np.ones(3, bool))
    assert not (tmp_path / "gone").exists()


def test_the_id_of_a_million_cells_is_quick() -> None:
    mask = np.random.default_rng(0).random(1_000_000) < 0.5
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        saved_selections.name(mask)
        best = min(best, time.perf_counter() - began)
    assert best < 0.02
