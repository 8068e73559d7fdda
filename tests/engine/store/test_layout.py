"""What is laid in a folder comes back as it was, or is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from engine.data import Counts, inspect_source
from engine.errors import DataError
from engine.store import layout
from tests.engine.store.conftest import Asked

Same = Callable[[Counts, Counts], None]


@pytest.fixture
def counts(request_of: Asked) -> Counts:
    return request_of().load()


@pytest.fixture
def folder(counts: Counts, source: Path, tmp_path: Path) -> Path:
    place = tmp_path / "kept"
    place.mkdir()
    layout.write(counts, inspect_source(source), place)
    return place


@pytest.mark.parametrize(
    "more", [{}, {"genes": "all"}, {"gene_names": "index"}, {"reference": "GENE3", "layer": "X"}]
)
def test_counts_come_back(
    request_of: Asked, source: Path, tmp_path: Path, same: Same, more
) -> None:
    counts, info = request_of(**more).load(), inspect_source(source)
    layout.write(counts, info, tmp_path)
    found, offered = layout.read(tmp_path)
    same(found, counts)
    assert offered == info
    assert found.matrix() is not None


@pytest.mark.slow
def test_labels_of_any_name_come_back(
    counts: Counts, tmp_path: Path, same: Same, folder: Path
) -> None:
    names = ["zarr.json", "x" * 300, "é" * 200, "..", "1", "0", " ", "c", "A", "a"]
    labels = pd.DataFrame(dict.fromkeys(names, 1.5), index=counts.cells)
    labels["c"] = pd.Categorical(["a", "b", None] * 13)
    none = pd.DataFrame(index=counts.cells)
    many = pd.DataFrame({f"score {i}": counts.totals for i in range(60)}, index=counts.cells)
    for place, named in enumerate((labels, none, many)):
        other = replace(counts, obs=named)
        (tmp_path / str(place)).mkdir()
        layout.write(other, layout.read(folder)[1], tmp_path / str(place))
        same(layout.read(tmp_path / str(place))[0], other)
        # Of hundreds of columns one by one zarr would make files for longer than may be read.
        assert sum(path.is_file() for path in (tmp_path / str(place)).rglob("*")) < 50


def test_streamed_counts_are_the_same_and_stay(
    counts: Counts, folder: Path, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "memory_budget", lambda: 0)
    found, _ = layout.read(folder)
    assert found.matrix() is None
    assert found.report.streamed
    np.testing.assert_array_equal(found.block(3, 29), counts.block(3, 29))
    np.testing.assert_array_equal(
        found.take(np.array([9, 2])).block(0, 2), counts.block(0, 40)[[9, 2]]
    )
    with pytest.raises(BlockingIOError), layout.alone(folder):
        pass
    del found
    with layout.alone(folder):
        pass


@pytest.mark.parametrize("part", ["data", "indices"])
def test_what_is_lost_while_it_is_streamed_is_not_read_as_zeros(
    folder: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(layout, "memory_budget", lambda: 0)
    found, _ = layout.read(folder)
    shutil.rmtree(folder / "counts.zarr" / "X" / part)
    with pytest.raises(DataError, match="Open the counts again"):
        found.block(0, 5)


def test_many_chunks(
    counts: Counts,
    folder: Path,
    tmp_path: Path,
    same: Same,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def blocks(rows: int, _: int) -> Iterator[tuple[int, int]]:
        return ((start, min(start + 7, rows)) for start in range(0, rows, 7))

    monkeypatch.setattr(layout, "CHUNK", 16)
    monkeypatch.setattr(layout, "row_blocks", blocks)
    place = tmp_path / "chunks"
    place.mkdir()
    layout.write(counts, layout.read(folder)[1], place)
    assert len(list((place / "counts.zarr/X/data/c").iterdir())) > 4
    same(layout.read(place)[0], counts)


def test_anndata_opens_them(counts: Counts, folder: Path) -> None:
    adata = ad.read_zarr(folder / "counts.zarr")
    assert list(adata.var_names) == list(counts.genes)
    np.testing.assert_array_equal(adata.X.toarray(), counts.block(0, counts.n_cells))


@pytest.mark.parametrize("how", ["lost", "cut", "changed"])
def test_damage_anywhere_is_refused(folder: Path, how: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) > 10
    for path in files[::3] if how == "lost" else files[::6]:
        content = path.read_bytes()
        if how == "lost":
            path.unlink()
        elif how == "cut":
            path.write_bytes(content[:-1])
        else:
            changed = bytearray(content)
            changed[len(content) // 2] ^= 8
            path.write_bytes(changed)
        with pytest.raises(DataError, match="Open the counts again"):
            layout.read(folder)
        path.write_bytes(content)
    layout.read(folder)
