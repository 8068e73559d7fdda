"""What was read once is found again, made anew when it changed, and goes when there is too much."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from engine.data import Counts, DataRequest, inspect_source
from engine.errors import DataError, NoRoom
from engine.store import CountsStore, counts_store, layout, sources
from engine.store.process import ReaderProcess, Usage
from tests.engine.store.conftest import Asked


class Here:
    """Reads in this process, and counts how often."""

    def __init__(self) -> None:
        self.reads = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def read(self, request: DataRequest, folder: Path, _: Any, limits: Any = None) -> Usage:
        self.reads += 1
        layout.write(request.load(), inspect_source(request.source), folder)
        self.meanwhile()
        return Usage(0, 0, 0.0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Without labels, which take the time."""
    matrix = np.random.default_rng(3).poisson(0.7, (40, 15)).astype(np.float32)
    matrix[:, 0] += 1
    matrix[7] = 0
    ad.AnnData(sparse.csr_matrix(matrix)).write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def store(tmp_path: Path, here: Here) -> CountsStore:
    return CountsStore(tmp_path / "home" / "counts", process=cast(ReaderProcess, here))


def names(store: CountsStore) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_the_same_is_read_once(
    store: CountsStore,
    here: Here,
    request_of: Asked,
    tmp_path: Path,
    same: Callable[[Counts, Counts], None],
) -> None:
    first, info = store.read(request_of())
    again, told = store.read(request_of())
    same(first, again)
    same(again, request_of().load())
    assert info == told == inspect_source(request_of().source)
    assert here.reads == 1
    # Another server on the same home.
    CountsStore(store.folder, process=cast(ReaderProcess, here)).load(request_of().to_dict())
    assert here.reads == 1


def test_other_requests_and_changed_sources_are_read(
    store: CountsStore, here: Here, request_of: Asked, source: Path
) -> None:
    assert store.read(request_of())[0].n_genes == 7
    assert store.read(request_of(genes=4))[0].n_genes == 5
    adata = ad.read_h5ad(source)
    ad.AnnData(adata.X[:20], obs=adata.obs[:20], var=adata.var).write_h5ad(source)
    assert store.read(request_of())[0].n_cells == 19
    assert here.reads == 3
    os.utime(source)
    store.read(request_of())
    assert here.reads == 4


def test_folders_change_with_any_of_their_files(
    store: CountsStore, here: Here, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cells.zarr"
    ad.read_h5ad(source).write_zarr(folder)
    request = DataRequest(str(folder))
    store.read(request)
    store.read(request)
    assert here.reads == 1
    os.utime(next(path for path in (folder / "obs").rglob("*") if path.is_file()), (5, 5))
    store.read(request)
    assert here.reads == 2


def test_another_file_of_the_same_size_and_time_is_read(
    store: CountsStore, here: Here, request_of: Asked, source: Path, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    content.write_bytes(source.read_bytes())
    for _ in range(2):
        shutil.copy2(content, source)
        store.read(request_of())
    assert here.reads == 2


def test_what_a_link_in_a_folder_leads_to_is_not_followed(source: Path, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "cells.zarr", tmp_path / "X"
    ad.read_h5ad(source).write_zarr(folder)
    (folder / "X").rename(elsewhere)
    (folder / "X").symlink_to(elsewhere)
    assert sources.state(str(folder)) is None
    assert sources.size(str(folder)) > 0


def test_a_source_that_changes_meanwhile_is_refused(
    store: CountsStore, here: Here, request_of: Asked, source: Path
) -> None:
    here.meanwhile = lambda: os.utime(source, (7, 7))
    with pytest.raises(DataError, match=r"cells\.h5ad changed"):
        store.read(request_of())
    assert names(store) == []


def test_a_folder_that_cannot_be_followed_is_read_each_time(
    store: CountsStore,
    here: Here,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "cells.zarr"
    ad.read_h5ad(source).write_zarr(folder)
    state = sources.state(str(folder))
    assert state is not None
    assert state == sources.state(str(folder))
    whole = sources.size(str(folder))
    with monkeypatch.context() as patch:
        patch.setattr(sources, "MOST_FILES", 3)
        for _ in range(2):
            assert store.read(DataRequest(str(folder)))[0].n_cells == 39
        assert 0 <= sources.size(str(folder)) < whole
    assert here.reads == 2

    def closed(path: Path) -> bool:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "is_file", closed)
    assert sources.state(str(folder)) is None
    assert sources.size(str(folder)) == 0


def test_a_hole_counts_for_nothing(tmp_path: Path) -> None:
    hole = tmp_path / "hole.csv"
    hole.write_bytes(b"a,b\n")
    os.truncate(hole, 10**10)
    assert sources.size(str(hole)) < 10**6


def test_damaged_ones_are_made_anew(store: CountsStore, here: Here, request_of: Asked) -> None:
    store.read(request_of())
    (kept,) = store.folder.iterdir()
    chunk = next((kept / "counts.zarr/X/data/c").iterdir())
    chunk.write_bytes(b"\0" * chunk.stat().st_size)
    assert store.read(request_of())[0].fingerprint == request_of().load().fingerprint
    assert here.reads == 2
    store.read(request_of())
    assert here.reads == 2


@pytest.mark.parametrize("part", ["lock", "sums.json", "about.json"])
def test_those_that_lost_a_part_are_made_anew(
    store: CountsStore, here: Here, request_of: Asked, part: str
) -> None:
    store.read(request_of())
    (kept,) = store.folder.iterdir()
    (kept / part).unlink()
    for _ in range(2):
        store.read(request_of())
    assert here.reads == 2
    assert names(store) == [kept.name]


def test_damaged_ones_that_somebody_streams_are_read_beside_them(
    store: CountsStore, here: Here, request_of: Asked
) -> None:
    store.read(request_of())
    (kept,) = store.folder.iterdir()
    held = layout.SharedLock(kept / "lock")
    (kept / "about.json").write_text("{}")
    assert store.read(request_of())[0].n_cells == 39
    held.close()


@pytest.mark.parametrize("sums", [None, "[]", "{", '{"lock": 3}', '{"lock": [null, 1]}'])
def test_damaged_ones_go_with_those_that_do_not_fit(store: CountsStore, sums: str | None) -> None:
    damaged, other = store.folder / ("0f" * 16), store.folder / "notes"
    for folder in (damaged, other):
        folder.mkdir(parents=True)
    if sums is not None:
        (damaged / "lock").touch()
        (damaged / "sums.json").write_text(sums)
    store.clean()
    assert names(store) == ["notes"]


def test_what_other_code_made_is_not_taken(
    store: CountsStore, here: Here, request_of: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.read(request_of())
    monkeypatch.setattr("engine.store.counts_store._code", lambda: "other")
    store.read(request_of())
    assert here.reads == 2


def test_those_used_longest_ago_go_first_but_none_in_use(
    store: CountsStore, request_of: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {}
    for genes in (3, 4, 5):
        before = set(names(store)) if store.folder.exists() else set()
        store.read(request_of(genes=genes))
        (made[genes],) = set(names(store)) - before
        os.utime(store.folder / made[genes] / "lock", (genes, genes))
    with monkeypatch.context() as patch:
        patch.setattr(layout, "memory_budget", lambda: 0)
        streamed, _ = store.read(request_of(genes=3))
    os.utime(store.folder / made[3] / "lock", (1, 1))
    store.most_bytes = 2 * layout.size(store.folder / made[5]) + 100
    store.read(request_of(genes=6))
    assert made[3] in names(store)
    assert made[4] not in names(store)
    assert streamed.block(0, 5).shape == (5, 4)
    del streamed
    store.most_bytes = 0
    store.clean()
    assert len(names(store)) == 1


def test_what_killed_servers_left_goes_within_a_day(store: CountsStore, request_of: Asked) -> None:
    store.read(request_of())
    kept = names(store)
    for left in (".new-1", ".deleted-2"):
        (store.folder / left / "counts.zarr").mkdir(parents=True)
    store.clean()
    assert names(store) == [".new-1", *kept]
    store.clean(now=time.time() + 25 * 3600)
    assert names(store) == kept


def test_a_home_that_cannot_be_written_is_done_without(
    store: CountsStore, here: Here, request_of: Asked
) -> None:
    store.folder.parent.write_text("no folder")
    for _ in range(2):
        assert store.read(request_of())[0].n_cells == 39
    assert here.reads == 1
    assert store._aside is not None
    store.most_bytes = 0
    store.read(request_of(genes=4))
    assert len(list(store._aside.iterdir())) == 1
    shutil.rmtree(store._aside)


def test_other_versions_of_libraries_are_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    made = counts_store._code.__wrapped__()
    assert counts_store._code.__wrapped__() == made
    monkeypatch.setattr(counts_store, "version", lambda name: "9" if name == "anndata" else "1")
    other = counts_store._code.__wrapped__()
    monkeypatch.setattr(counts_store, "version", lambda name: "1")
    assert len({made, other, counts_store._code.__wrapped__()}) == 3


def test_what_was_kept_gives_way_on_a_full_disk(
    store: CountsStore, here: Here, request_of: Asked
) -> None:
    store.read(request_of(genes=3))

    def full() -> None:
        if len([name for name in names(store) if not name.startswith(".")]) > 0:
            raise NoRoom("room", "none", "Free some.")

    here.meanwhile = full
    counts, _ = store.read(request_of(genes=4))
    assert counts.n_genes == 5
    assert len(names(store)) == 1
    assert here.reads == 3
