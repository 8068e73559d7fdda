"""What is written opens in anndata 0.10 and later, scanpy and cellxgene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from dashboard.export import fit_file
from engine.__main__ import main
from engine.results import AnyFit, load
from tests.dashboard.synthetic import make_fit, make_topic_fit

CELLS = 12
# What anndata 0.10 reads, and cellxgene after it.
KNOWN = {
    "anndata",
    "array",
    "categorical",
    "csr_matrix",
    "dataframe",
    "dict",
    "numeric-scalar",
    "string",
    "string-array",
    None,
}
HALF = CELLS // 2
LABELS: dict[str, object] = {
    "text": ["a", "b"] * HALF,
    "text with None": pd.array(["a", None] * HALF, dtype=object),
    "text with NA": pd.array(["a", pd.NA] * HALF, dtype="string"),
    "text of pandas": pd.array(["a", None] * HALF, dtype="str"),
    "category": pd.Categorical(["a", None] * HALF),
    "numbered": pd.Categorical([1, 2] * HALF),
    "numbered by pandas": pd.Categorical(pd.array([1, 2] * HALF, dtype="Int64")),
    "flag": [True, False] * HALF,
    "flag with NA": pd.array([True, None] * HALF, dtype="boolean"),
    "flag with None": pd.array([True, None] * HALF, dtype=object),
    "whole with NA": pd.array([1, None] * HALF, dtype="Int64"),
    "real with NA": pd.array([1.5, None] * HALF, dtype="Float64"),
    "real with NaN": [1.5, np.nan] * HALF,
    "of several kinds": pd.array([1, "b"] * HALF, dtype=object),
    "date": pd.to_datetime(["2024-01-31"] * CELLS),
    "nothing": pd.array([None] * CELLS, dtype=object),
}


def encodings(path: Path) -> dict[str, str | None]:
    with h5py.File(path, "r") as file:
        found: dict[str, str | None] = {}
        file.visititems(lambda name, item: found.update({name: item.attrs.get("encoding-type")}))
        return found


@pytest.fixture(params=[make_fit, make_topic_fit], ids=["factors", "topics"])
def fit(request: pytest.FixtureRequest) -> AnyFit:
    make: Callable[..., AnyFit] = request.param
    fit = make(CELLS, 8, 2)
    return replace(fit, obs=pd.DataFrame(LABELS, index=fit.cells))


def test_every_element_of_a_fit_is_known_to_old_readers(fit: AnyFit, tmp_path: Path) -> None:
    path = fit.save(tmp_path / "fit.h5ad")
    found = encodings(path)
    assert set(found.values()) <= KNOWN
    assert found["obs/_index"] == found["var/_index"] == "string-array"
    with h5py.File(path, "r") as file:
        for name in LABELS:
            missing = np.asarray(pd.isna(pd.Series(LABELS[name])))
            item = file[f"obs/{name}"]
            if item.attrs["encoding-type"] == "categorical":
                np.testing.assert_array_equal(np.asarray(item["codes"]) == -1, missing)
            else:
                np.testing.assert_array_equal(np.isnan(np.asarray(item, float)), missing)


def test_what_was_written_is_read_back(fit: AnyFit, tmp_path: Path) -> None:
    again = load(fit.save(tmp_path / "fit.h5ad"))
    assert list(again.obs.columns) == list(LABELS)
    assert again.obs["text with None"].tolist()[:1] == ["a"]
    assert again.obs["text with None"].isna().sum() == HALF
    assert again.obs["whole with NA"].tolist()[0] == 1
    assert again.obs["flag"].dtype == bool


def test_an_export_with_what_the_page_knows_is_no_exception(fit: AnyFit, tmp_path: Path) -> None:
    path = fit.save(tmp_path / "fit.h5ad")
    names = [f"name {k}" for k in range(fit.n_factors)]
    with fit_file(path, np.zeros((CELLS, 2)), names) as copy:
        assert set(encodings(copy).values()) <= KNOWN


def test_simulated_counts_are_no_exception(tmp_path: Path) -> None:
    path = tmp_path / "sim.h5ad"
    main(["simulate", "--cells", "20", "--genes", "6", "--factors", "2", "--out", str(path)])
    assert set(encodings(path).values()) <= KNOWN
    assert ad.read_h5ad(path).shape == (20, 6)
