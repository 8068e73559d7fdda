from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import embedding
from dashboard.embedding import FILE, Embedder
from engine.data import DataRequest
from engine.jobs import Jobs
from engine.lnm.config import LNMConfig
from engine.results import Fit
from tests.dashboard.synthetic import Steps, make_counts, scripted_fits
from tests.waiting import PATIENCE, wait_for

Layout = Callable[..., np.ndarray]


class Counted:
    """Stands in for UMAP and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, scores: np.ndarray, on_progress: Any) -> np.ndarray:
        self.calls += 1
        on_progress(0.0, "laying out")
        assert self.go_on.wait(PATIENCE)
        on_progress(0.5, "placing")
        return np.asarray(scores[:, :2], np.float32)


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(embedding, "umap_coordinates", counted)
    return counted


@pytest.fixture
def jobs(tmp_path: Path, steps: Steps) -> Iterator[Jobs]:
    steps.go_on.set()
    server = Jobs(tmp_path / "runs", fit_iter=scripted_fits(steps), devices=lambda: [None])
    yield server
    server.close()


@pytest.fixture
def run(jobs: Jobs) -> str:
    id = jobs.submit_fit(DataRequest("made up"), LNMConfig(n_factors=3), counts=make_counts())
    wait_for(lambda: not jobs.status(id).active)
    return id


@pytest.fixture
def fit(jobs: Jobs, run: str) -> Fit:
    return jobs.result(run)


def coordinates(embedder: Embedder, key: str, fit: Fit) -> np.ndarray:
    layouts: list[np.ndarray] = []

    def ask() -> bool:
        xy = embedder.ask(key, fit)
        if xy is not None:
            layouts.append(xy)
        return bool(layouts)

    wait_for(ask)
    return layouts[0]


class TestEmbedder:
    def test_computed_once_for_all_sessions(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted
    ) -> None:
        embedder, key = Embedder(jobs), f"{run} 4"
        assert embedder.known(key) is None
        assert embedder.progress(key) == ""
        layout.go_on.clear()
        assert embedder.ask(key, fit) is None
        wait_for(lambda: embedder.progress(key) == "laying out")
        layout.go_on.set()
        xy = coordinates(embedder, key, fit)
        np.testing.assert_array_equal(xy, fit.scores[:, :2].astype(np.float32))
        assert embedder.ask(key, fit) is xy
        assert embedder.known(key) is xy
        assert embedder.progress(key) == ""
        assert layout.calls == 1
        assert [status.kind for status in jobs.list()] == ["fit"]

    def test_kept_on_disk_for_the_next_server(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted
    ) -> None:
        xy = coordinates(Embedder(jobs), f"{run} 4", fit)
        assert (jobs.folder(run) / FILE).is_file()
        assert not list(jobs.folder(run).glob(".*.part"))
        np.testing.assert_array_equal(Embedder(jobs).known(f"{run} 4"), xy)
        np.testing.assert_array_equal(Embedder(jobs).ask(f"{run} 4", fit), xy)
        assert layout.calls == 1

    def test_another_fit_or_method_is_computed_anew(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        coordinates(Embedder(jobs), f"{run} 4", fit)
        assert Embedder(jobs).known(f"{run} 5") is None
        moved = replace(fit, scores=fit.scores + 1)
        xy = coordinates(Embedder(jobs), f"{run} 4", moved)
        np.testing.assert_array_equal(xy, moved.scores[:, :2].astype(np.float32))
        assert layout.calls == 2
        monkeypatch.setitem(embedding.METHOD, "seed", 1)
        assert Embedder(jobs).known(f"{run} 4") is None

    @pytest.mark.parametrize("damage", ["empty", "cut", "bits", "pickle", "shape"])
    def test_a_damaged_file_is_computed_anew(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted, damage: str
    ) -> None:
        expected = coordinates(Embedder(jobs), f"{run} 4", fit)
        path = jobs.folder(run) / FILE
        content = path.read_bytes()
        with np.load(path) as file:
            about = file["about"]
        if damage == "pickle":
            np.savez(path, xy=np.array([{}], dtype=object), about=about)
        elif damage == "shape":
            np.savez(path, xy=expected[1:], about=about)
        else:
            middle = len(content) // 2
            flipped = content[: middle - 40] + bytes(40) + content[middle:]
            path.write_bytes({"empty": b"", "cut": content[:middle], "bits": flipped}[damage])
        np.testing.assert_array_equal(coordinates(Embedder(jobs), f"{run} 4", fit), expected)
        assert layout.calls == 2
        np.testing.assert_array_equal(Embedder(jobs).known(f"{run} 4"), expected)

    def test_a_disk_that_is_full_costs_only_the_file(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError("No space left on device")

        monkeypatch.setattr(np, "savez", full)
        assert coordinates(Embedder(jobs), f"{run} 4", fit) is not None
        assert not list(jobs.folder(run).glob("*umap*"))

    def test_a_failure_is_told_and_the_next_call_tries_again(
        self, jobs: Jobs, run: str, fit: Fit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_scores: np.ndarray, _tell: Any) -> np.ndarray:
            raise ValueError("no neighbours")

        monkeypatch.setattr(embedding, "umap_coordinates", fail)
        embedder = Embedder(jobs)
        with pytest.raises(RuntimeError, match="no neighbours"):
            coordinates(embedder, f"{run} 4", fit)
        monkeypatch.setattr(embedding, "umap_coordinates", Counted())
        assert coordinates(embedder, f"{run} 4", fit) is not None

    def test_a_deleted_run_ends_its_umap(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted
    ) -> None:
        embedder = Embedder(jobs)
        layout.go_on.clear()
        embedder.ask(f"{run} 4", fit)
        wait_for(lambda: layout.calls)
        jobs.delete(run)
        layout.go_on.set()
        with pytest.raises(RuntimeError, match="stop"):
            coordinates(embedder, f"{run} 4", fit)
        assert embedder.known(f"{run} 4") is None

    def test_few_cells_need_none(self, jobs: Jobs, run: str, fit: Fit, layout: Counted) -> None:
        few = replace(fit, cells=fit.cells[:9], scores=fit.scores[:9])
        np.testing.assert_array_equal(Embedder(jobs).ask(f"{run} 4", few), few.scores[:, :2])
        assert layout.calls == 0

    def test_only_the_last_are_held_in_memory(
        self, jobs: Jobs, run: str, fit: Fit, layout: Counted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedding, "MOST_CACHED", 1)
        embedder = Embedder(jobs)
        first = coordinates(embedder, f"{run} 4", fit)
        later = replace(fit, status=replace(fit.status, passes=5))
        coordinates(embedder, f"{run} 5", later)
        # The file belongs to the newer fit by now.
        assert embedder.known(f"{run} 4") is None
        np.testing.assert_array_equal(embedder.known(f"{run} 5"), first)


def test_many_cells_are_placed_once_their_image_can_be_drawn_at_once(
    jobs: Jobs, fit: Fit, run: str, layout: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the page that draws them compiles, and all other pages wait."""
    xy, compiled = coordinates(Embedder(jobs), f"{run} 4", fit), threading.Event()
    monkeypatch.setattr(embedding.raster, "compile_images", lambda: compiled.wait(PATIENCE))
    few, many = Embedder(jobs), Embedder(jobs)
    np.testing.assert_array_equal(few.ask(f"{run} 4", fit), xy)
    monkeypatch.setattr(embedding, "MOST_POINTS", len(fit.cells) - 1)
    for _ in range(3):
        assert many.ask(f"{run} 4", fit) is None
    compiled.set()
    np.testing.assert_array_equal(coordinates(many, f"{run} 4", fit), xy)
    assert layout.calls == 1


def test_images_are_not_compiled_behind_a_umap(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding.raster, "compile_images", lambda: None)
    over, embedder = threading.Event(), Embedder(jobs)
    jobs.submit("UMAP", lambda _: over.wait(2 * PATIENCE))
    try:
        wait_for(embedder.compile_images)
    finally:
        over.set()
