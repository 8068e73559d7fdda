"""10x files: types of features, genomes, and what the shell and a request make of choices."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine.__main__ import main
from engine.data import ChoiceNeeded, Counts, DataRequest, inspect_source, read_counts
from engine.errors import DataError
from engine.shell.common import request
from tests.engine.data.layouts import folder, lines, write
from tests.engine.shell.typed import values


def warned(counts: Counts) -> str:
    return " ".join(counts.report.warnings)


def write_h5(path: Path, types: list[str], genomes: list[str], **more: object) -> np.ndarray:
    """A 10x .h5 of version 3 with features of some types and genomes."""
    counts = np.random.default_rng(1).poisson(3, (20, len(types))) + 1
    matrix = sparse.csr_matrix(counts)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = np.array(matrix.shape[::-1])
        group["barcodes"] = np.array([f"AAACCTG{i}-1" for i in range(20)], dtype="S")
        features = group.create_group("features")
        features["name"] = np.array([f"g{j}" for j in range(len(types))], dtype="S")
        features["id"] = np.array([f"id{j}" for j in range(len(types))], dtype="S")
        features["feature_type"] = np.array(types, dtype="S")
        features["genome"] = np.array(genomes, dtype="S")
        for name, value in more.items():
            file[name] = value
    return counts


def test_types_of_features(tmp_path, dense):
    types = [
        "Antibody Capture",
        *["Gene Expression"] * 3,
        "CRISPR Guide Capture",
        "Antibody Capture",
    ]
    path = tmp_path / "multi.h5"
    counts = write_h5(path, types, ["hg"] * 6, **{"latents/x": np.ones(3)})
    found = read_counts(path, genes="all")
    np.testing.assert_array_equal(dense(found), counts[:, 1:4])
    assert "Left out 2 features of type Antibody Capture and 1 features of type CRISPR" in warned(
        found
    )
    assert '--feature-type "Antibody Capture"' in warned(found)
    asked = read_counts(path, genes="all", feature_type="antibody capture")
    np.testing.assert_array_equal(dense(asked), counts[:, [0, 5]])
    assert read_counts(path, genes="all", feature_type="all").n_genes == 6
    with pytest.raises(ChoiceNeeded, match="one of Antibody Capture, Gene Expression"):
        read_counts(path, feature_type="Peaks")
    (offer,) = inspect_source(path).offers
    assert (offer.name, offer.chosen) == ("feature_type", "Gene Expression")


@pytest.mark.parametrize("place", ["h5ad", "memory", "mtx"])
def test_types_of_features_elsewhere(counts_adata, tmp_path, dense, place):
    types = ["Gene Expression"] * 9 + ["Antibody Capture"] * 3
    counts_adata.var["feature_types"] = pd.Categorical(types)
    source: object = counts_adata
    if place == "h5ad":
        source = tmp_path / "a.h5ad"
        counts_adata.write_h5ad(source)
    elif place == "mtx":
        source = folder(counts_adata, tmp_path / "out")
        rows = zip(counts_adata.var_names, types, strict=True)
        write(source / "features.tsv.gz", lines(f"E\t{name}\t{kind}" for name, kind in rows))
    for backed in (False, True) if place == "h5ad" else (False,):
        counts = read_counts(source, genes="all", backed=backed)
        np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray()[:, :9])
        assert "Left out 3 features of type Antibody Capture" in warned(counts)


def test_columns_of_biotypes_are_no_types(counts_adata):
    counts_adata.var["feature_types"] = ["protein_coding"] * 10 + ["lncRNA"] * 2
    assert read_counts(counts_adata, genes="all").n_genes == 12


def test_genomes(tmp_path, dense):
    path = tmp_path / "v3.h5"
    types = ["Gene Expression"] * 4
    counts = write_h5(path, types, ["hg19", "hg19", "mm10", "mm10"])
    joined = read_counts(path, genes="all")
    assert list(joined.genes) == ["hg19_g0", "hg19_g1", "mm10_g2", "mm10_g3"]
    assert "Genes of 2 genomes (hg19, mm10) were read together" in warned(joined)
    one = read_counts(path, genes="all", genome="MM10")
    np.testing.assert_array_equal(dense(one), counts[:, 2:])
    with h5py.File(tmp_path / "v2.h5", "w") as file:
        for name, cells in (("hg19", 20), ("mm10", 19)):
            matrix = sparse.csr_matrix(counts[:cells])
            group = file.create_group(name)
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(matrix, part)
            group["shape"] = np.array(matrix.shape[::-1])
            group["barcodes"] = np.array([f"{name}{i}" for i in range(cells)], dtype="S")
            group["genes"] = np.array(["a", "b", "c", "d"], dtype="S")
            group["gene_names"] = group["genes"][:]
    with pytest.raises(ChoiceNeeded, match=r"different cells.*hg19 with 20 cells.*--genome"):
        read_counts(tmp_path / "v2.h5")
    assert read_counts(tmp_path / "v2.h5", genome="mm10").n_cells == 19
    with h5py.File(tmp_path / "v2.h5", "r+") as file:
        file["hg19/barcodes"][:] = np.array(["AAAC", *["AAAG"] * 19], dtype="S6")
        del file["mm10"]
        file.copy("hg19", "mm10")
    with pytest.raises(ChoiceNeeded, match=r"repeated barcodes \(18\).*--genome hg19"):
        read_counts(tmp_path / "v2.h5")
    assert read_counts(tmp_path / "v2.h5", genome="mm10").n_cells == 20


def test_the_shell_tells_and_takes_the_choices(counts_adata, tmp_path, capsys):
    folder(counts_adata, tmp_path / "geo", "A_")
    folder(counts_adata[:9].copy(), tmp_path / "geo", "B_")
    assert main(["info", str(tmp_path / "geo")]) == 2
    assert "A, B. Choose one by --sample A" in capsys.readouterr().err
    assert main(["info", str(tmp_path / "geo"), "--sample", "B"]) == 0
    told = capsys.readouterr().out
    assert "B: 9 cells, 12 genes" in told
    assert "--sample: A, B (taken: B)" in told
    assert main(["info", str(tmp_path / "geo"), "--sample", "B", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["offers"][0]["chosen"] == "B"
    out = ["--out", str(tmp_path / "fit.h5ad")]
    given = ["--sample", "B", "--cells-in", "columns", "--round", "--genome", "g"]
    options = values(["fit", str(tmp_path / "geo"), *out, *given])
    expected = {"sample": "B", "cells_in": "columns", "round": True, "genome": "g"}
    assert request(options) == DataRequest(str(tmp_path / "geo"), **expected)


def test_the_shell_tells_what_genes_are_called_by(counts_adata, tmp_path, capsys):
    counts_adata.var["symbol"] = [f"S{j}" for j in range(12)]
    counts_adata.write_h5ad(tmp_path / "guessed.h5ad")
    counts_adata.var_names = [f"ENSG{j:011d}" for j in range(12)]
    counts_adata.write_h5ad(tmp_path / "sure.h5ad")
    for name in ("sure", "guessed"):
        assert main(["info", str(tmp_path / f"{name}.h5ad")]) == 0
        told = capsys.readouterr().out
        assert "Gene names are from var['symbol']; their ids are the index." in told
        assert "--gene-names: index, symbol (taken: symbol)" in told
        assert ("Warning: The index of the genes (gene0, …) was taken for ids" in told) == (
            name == "guessed"
        )


def test_a_request_keeps_the_choices(tmp_path):
    request = DataRequest(
        tmp_path / "x", sample="A", genome="mm10", feature_type="all", cells_in="rows", round=True
    )
    assert DataRequest.from_dict(request.to_dict()) == request
    # Requests of runs that were kept before there were choices.
    assert DataRequest.from_dict({"source": str(tmp_path / "x")}).choices.sample is None


@pytest.mark.parametrize("part", ["indptr", "features/name", "barcodes", "shape"])
def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path, part):
    path = tmp_path / "bomb.h5"
    write_h5(path, ["Gene Expression"] * 4, ["hg"] * 4)
    with h5py.File(path, "r+") as file:
        group = file["matrix"]
        del group[part]
        kind = {"indptr": "i8", "shape": "i8"}.get(part, "S100000")
        length = 10**6 if kind[0] == "S" else 400_000_000
        options = {"chunks": (10**7 // np.dtype(kind).itemsize,), "compression": "gzip"}
        group.create_dataset(part, (length,), dtype=kind, **options)
    with pytest.raises(DataError, match=r"in proportion|fits into memory"):
        read_counts(path)
