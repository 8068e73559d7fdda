"""Time the opening of counts: ``python -m benchmarks.reading``.

Files of made-up counts of 30,000 genes, packed by gzip as scanpy does. Each is read in turns in
this process (as a script would) and by the reading process into the store (as the page does), and
then opened again from the store by a new process. Seconds of wall time; imports do not count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from engine.data import DataRequest, inspect_source
from engine.store import CountsStore
from engine.store.process import ReaderProcess, Usage

GENES, TYPES, BATCH = 30_000, 8, 2_000
# Bytes of the file a cell, about.
PER_CELL = 6_900


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--times", type=int, default=3, help="how often each is read")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(*arguments.one)))
        return
    print("| MB | here, s | store, s | ratio | again, s | peak of the reader, GB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="reading-") as name:
        for size in arguments.megabytes:
            path = Path(name) / f"{size}.h5ad"
            write(path, max(50, size * 1_000_000 // PER_CELL))
            row(path, Path(name), arguments.times)
            path.unlink()


def row(path: Path, folder: Path, times: int) -> None:
    """Measure one file and print it."""
    found: dict[str, list[dict[str, float]]] = {"here": [], "store": [], "again": []}
    for turn in range(times):
        place = folder / f"store-{path.stem}-{turn}"
        for how in found:
            command = [sys.executable, "-m", "benchmarks.reading", "--one", how, path, place]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[how].append(json.loads(out))
    here, store, again = (min(one["seconds"] for one in found[how]) for how in found)
    peak = max(one["peak"] for one in found["store"])
    size = path.stat().st_size / 1e6
    print(
        f"| {size:,.0f} | {here:.2f} | {store:.2f} | {store / here:.2f} | {again:.2f} "
        f"| {peak / 1e9:.2f} |",
        flush=True,
    )


def one(how: str, source: str, place: str) -> dict[str, float]:
    """Open a source once, and tell the seconds."""
    request, peaks = DataRequest(source), [0]

    class Watched(ReaderProcess):
        def read(self, *arguments: Any, **named: Any) -> Usage:
            usage = super().read(*arguments, **named)
            peaks.append(usage.peak)
            return usage

    store = CountsStore(Path(place), process=Watched())
    if how == "store":
        store.start()
        time.sleep(4)
    begun = time.perf_counter()
    if how == "here":
        request.load()
        inspect_source(source)
    else:
        store.read(request)
    return {"seconds": time.perf_counter() - begun, "peak": max(peaks)}


def write(path: Path, cells: int) -> None:
    """A file of counts of cells of a few types."""
    rng = np.random.default_rng(0)
    base = rng.gamma(0.25, 1.0, GENES)
    profiles = base * rng.gamma(2.0, 0.5, (TYPES, GENES))
    steps = np.cumsum(profiles / profiles.sum(axis=1, keepdims=True), axis=1)
    packed = {"maxshape": (None,), "chunks": (2**16,), "compression": "gzip"}
    pointers = [np.zeros(1, dtype=np.int64)]
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        group = file.create_group("X")
        group.attrs.update(
            {"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": [cells, GENES]}
        )
        data = group.create_dataset("data", (0,), "f4", **packed)
        indices = group.create_dataset("indices", (0,), "i4", **packed)
        for start in range(0, cells, BATCH):
            rows = _rows(rng, steps, min(BATCH, cells - start))
            first = data.shape[0]
            for array, values in ((data, rows.data), (indices, rows.indices)):
                array.resize((first + rows.nnz,))
                array[first:] = values
            pointers.append(first + rows.indptr[1:].astype(np.int64))
        group.create_dataset("indptr", data=np.concatenate(pointers))
        names = pd.DataFrame(index=[f"cell{i}" for i in range(cells)])
        ad.io.write_elem(file, "obs", names.assign(depth=rng.random(cells)))
        ad.io.write_elem(file, "var", pd.DataFrame(index=[f"GENE{j}" for j in range(GENES)]))


def _rows(rng: np.random.Generator, steps: np.ndarray, cells: int) -> sparse.csr_matrix:
    kinds = rng.integers(0, TYPES, cells)
    totals = rng.lognormal(8.3, 0.4, cells).astype(int)
    genes = np.concatenate(
        [np.searchsorted(steps[k], rng.random(n)) for k, n in zip(kinds, totals, strict=True)]
    )
    cell = np.repeat(np.arange(cells), totals)
    ones = np.ones(len(genes), dtype=np.float32)
    genes = np.minimum(genes, GENES - 1)
    return sparse.csr_matrix((ones, (cell, genes)), shape=(cells, GENES))


if __name__ == "__main__":
    main()
