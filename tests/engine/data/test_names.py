"""Names are data: kept, made unique and writable, never interpreted."""

import datetime

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from engine.data import read_counts
from engine.data.name_cleaning import clean_labels, clean_names

HOSTILE = ["<script>alert(1)</script>", "a/b", "../../etc", "{{7*7}}", "=1+1", "é\u202ename", " "]


def test_plain_names_pass_through():
    names, said = clean_names(pd.Index(["a", "b", *HOSTILE]), "gene")
    assert list(names) == ["a", "b", *HOSTILE]
    assert said == []


def test_repeated_names_become_unique():
    names, said = clean_names(pd.Index(["A", "B", "A", "A-1", "A"]), "gene")
    assert names.is_unique
    assert names[:2].tolist() == ["A", "B"]
    assert "1 gene names occur more than once" in said[0]


def test_foreign_names_become_text():
    names, said = clean_names(pd.Index([3, 2.5, None, b"bytes", "text"], dtype=object), "cell")
    assert list(names) == ["3", "2.5", "None", "bytes", "text"]
    assert "3 cell names were not text" in said[0]


def test_names_that_no_file_can_keep():
    names, said = clean_names(pd.Index(["a\0b", "lone \ud800", ""], dtype=object), "gene")
    assert names.is_unique
    assert all("\0" not in name and name.encode("utf-8") for name in names)
    assert "3 gene names were empty or held characters" in said[0]


def test_mended_names_are_reported(counts_adata):
    counts_adata.var_names = ["twin", "twin", *counts_adata.var_names[2:]]
    counts = read_counts(counts_adata, genes="all")
    assert list(counts.genes[:2]) == ["twin", "twin-1"]
    assert any("gene names occur more than once" in text for text in counts.report.warnings)


def test_numbers_as_names_in_a_file(counts_adata, tmp_path):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    with h5py.File(tmp_path / "data.h5ad", "r+") as file:
        attributes = {"encoding-type": "array", "encoding-version": "0.2.0"}
        del file["obs/_index"]
        file["obs/_index"] = np.arange(30) * 7
        file["obs/_index"].attrs.update(attributes)
    counts = read_counts(tmp_path / "data.h5ad")
    assert list(counts.cells[:3]) == ["0", "7", "14"]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_labels_of_any_kind_can_be_saved(counts_adata, tmp_path):
    """A fit carries the labels to its file; it must not fail there, after the work is done."""
    n = counts_adata.n_obs
    rng = np.random.default_rng(0)
    obs = counts_adata.obs
    obs["mixed"] = pd.Series([1, "a", None] * 10, index=obs.index, dtype=object)
    obs["when"] = [datetime.datetime(2024, 1, 1)] * n
    obs["tuple"] = pd.Series([(1, 2)] * n, index=obs.index, dtype=object)
    obs["nullable"] = pd.array([1, None, 3] * 10, dtype="Int64")
    obs["flag"] = pd.array([True, None, False] * 10, dtype="boolean")
    obs["half"] = rng.random(n).astype(np.float16)
    obs["number_categories"] = pd.Categorical(rng.integers(0, 3, n), ordered=True)
    obs["gaps"] = pd.Categorical(["a", None, "b"] * 10)
    obs["merging"] = pd.Categorical([1, "1", "x"] * 10)
    obs["text"] = ["a\0", "b", "c"] * 10
    obs["none"] = pd.Series([None] * n, index=obs.index, dtype=object)
    obs["a/b"] = 1
    obs[5] = "five"
    labels = read_counts(counts_adata).obs
    assert list(labels.columns) == [str(name).replace("/", "|") for name in obs.columns]
    path = tmp_path / "saved.h5ad"
    ad.AnnData(obs=labels).write_h5ad(path)
    back = ad.read_h5ad(path).obs
    assert list(back["mixed"].astype(object)[:2]) == ["1", "a"]
    assert back["mixed"].isna().sum() == 10
    assert back["gaps"].isna().sum() == 10
    assert np.isnan(back["nullable"].iloc[1])
    assert back["number_categories"].cat.ordered
    np.testing.assert_array_equal(back["depth"], obs["depth"])


def test_true_false_and_missing_are_labels():
    obs = pd.DataFrame({"all": [True, False], "some": [True, None]}, dtype="boolean")
    cleaned = clean_labels(obs, pd.Index(["a", "b"]))
    assert cleaned["all"].dtype == bool
    assert list(cleaned["some"].cat.categories) == ["True"]
    assert cleaned["some"].isna().tolist() == [False, True]


def test_label_names_are_made_safe():
    obs = pd.DataFrame([[1, 2, 3]], columns=["_index", "x", "x"])
    assert list(clean_labels(obs, pd.Index(["cell"])).columns) == ["index", "x", "x-1"]
