from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine.data import Counts, DataRequest, probe
from engine.store.process import ReaderProcess

Asked = Callable[..., DataRequest]


@pytest.fixture(autouse=True)
def _no_probe() -> Iterator[None]:
    """Sources of these tests are sound: no other process need look at them first."""
    with probe.not_needed():
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with what a table of counts can hold: ids, labels of all kinds, silent genes."""
    rng = np.random.default_rng(3)
    matrix = rng.poisson(0.7, (40, 15)).astype(np.float32)
    matrix[:, 0] += 1
    matrix[7] = 0
    matrix[:, 4] = 0
    obs = pd.DataFrame(
        {
            "label": pd.Categorical(["a", None, "b", "a"] * 10),
            "text": [f"t{i % 3}" for i in range(40)],
            "depth": matrix.sum(1),
            "whole": np.arange(40),
            "flag": np.arange(40) % 2 == 0,
        },
        index=[f"cell é {i}" for i in range(40)],
    )
    symbols = [f"GENE{j}" for j in range(15)]
    var = pd.DataFrame({"gene_symbols": symbols}, index=[f"ENSG{j:011d}" for j in range(15)])
    adata = ad.AnnData(sparse.csr_matrix(matrix), obs=obs, var=var)
    adata.layers["counts"] = adata.X.copy()
    path = tmp_path / "cells.h5ad"
    adata.write_h5ad(path)
    return path


@pytest.fixture
def request_of(source: Path) -> Callable[..., DataRequest]:
    return lambda **more: DataRequest(str(source), **{"genes": 6, **more})


@pytest.fixture(scope="session")
def process() -> Iterator[ReaderProcess]:
    """One for all tests of a worker: it takes seconds to start."""
    started = ReaderProcess("tests.engine.store.unruly")
    yield started
    started.close()


@pytest.fixture
def same() -> Callable[[Counts, Counts], None]:
    """Asserts that two counts are the same in all that they hold."""

    def check(one: Counts, other: Counts) -> None:
        plain = ("reference", "name", "source", "layer", "fingerprint", "report")
        assert [getattr(one, part) for part in plain] == [getattr(other, part) for part in plain]
        for part in ("cells", "genes", "gene_ids"):
            names = getattr(one, part), getattr(other, part)
            if names[0] is not None or names[1] is not None:
                pd.testing.assert_index_equal(*names)
        pd.testing.assert_frame_equal(one.obs, other.obs)
        np.testing.assert_array_equal(one.totals, other.totals)
        np.testing.assert_array_equal(one.library_size, other.library_size)
        blocks = one.block(0, one.n_cells), other.block(0, other.n_cells)
        np.testing.assert_array_equal(*blocks)

    return check
