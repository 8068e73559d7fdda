"""Sound inputs of every kind, made once: a folder each, with the name of what is opened in it."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import zarr
from scipy import sparse

from benchmarks.fuzz.saved import make_fits, make_runs
from tests.engine.data.layouts import folder, lines, market, write

CELLS, GENES = 30, 12
# What is opened in the folder of a template; the folder itself where none is named.
OPENED = "opened.json"
# Stands in every text, and CANARY_NUMBER in every array, of the files outside.
CANARY, CANARY_NUMBER = "kanari7c", 60013


def make_templates(place: Path) -> None:
    """All sound inputs: ``place/<kind>/<name>/``, and which file or folder is opened."""
    opened: dict[str, str] = {}
    for name, source in _counts(place / "counts").items():
        opened[f"counts/{name}"] = source
    for name, source in make_fits(place / "fit").items():
        opened[f"fit/{name}"] = source
    for name, source in make_runs(place / "run").items():
        opened[f"run/{name}"] = source
    (place / OPENED).write_text(json.dumps(opened))


def templates(place: Path) -> dict[str, str]:
    """What `make_templates` made, by name."""
    found: dict[str, str] = json.loads((place / OPENED).read_text())
    return found


def make_neighbours(place: Path) -> None:
    """Files of somebody else, of which nothing may be shown or changed."""
    place.mkdir(parents=True)
    adata = cells(CANARY)
    adata.X = sparse.csr_matrix(np.full((CELLS, GENES), CANARY_NUMBER, np.float32))
    adata.obs["depth"] = float(CANARY_NUMBER)
    adata.obs["label"] = pd.Categorical([CANARY] * CELLS)
    adata.write_h5ad(place / "other.h5ad")
    adata.write_zarr(place / "other.zarr")
    text = "".join(f"{CANARY}{i}\t{CANARY}\n" for i in range(CELLS))
    write(place / "other.tsv", text)
    write(place / "other.tsv.gz", text)
    market(place / "other.mtx", adata.X.T)
    words = json.dumps({name: CANARY for name in ("name", "owner", "names", "state", "message")})
    write(place / "other.json", words)
    np.savez(place / "other.npz", xy=np.full((CELLS, 2), CANARY_NUMBER), cells=[CANARY] * CELLS)


def cells(name: str = "cell") -> ad.AnnData:
    """Counts with labels of every kind."""
    rng = np.random.default_rng(7)
    matrix = rng.poisson(1.5, (CELLS, GENES)).astype(np.float32)
    matrix[:, 0] += 1
    matrix[0] += 1
    missing = [None if i % 5 == 0 else i for i in range(CELLS)]
    obs = pd.DataFrame(
        {
            "label": pd.Categorical(["a", "b", "c"] * (CELLS // 3)),
            "depth": matrix.sum(1),
            "batch": rng.integers(0, 3, CELLS),
            "kept": rng.random(CELLS) < 0.5,
            "some": pd.array(missing, dtype="Int64"),
            "said": pd.array([v if v is None else v > 9 for v in missing], dtype="boolean"),
            "free": [f"text {i}" for i in range(CELLS)],
        },
        index=[f"{name}{i}" for i in range(CELLS)],
    )
    genes = pd.Index([f"{'gene' if name == 'cell' else name}{j}" for j in range(GENES)])
    var = pd.DataFrame({"gene_ids": [f"ENSG{j:011d}" for j in range(GENES)]}, index=genes)
    adata = ad.AnnData(X=sparse.csr_matrix(matrix), obs=obs, var=var)
    adata.obsm["X_pca"] = rng.normal(size=(CELLS, 3))
    adata.uns["notes"] = {"text": "words", "array": np.arange(4)}
    return adata


def _counts(place: Path) -> dict[str, str]:
    """Counts in every format that is read."""
    place.mkdir(parents=True)
    found = {"csr": "cells.h5ad", "csc": "cells.h5ad", "dense": "cells.h5ad", "gzip": "cells.h5ad"}
    found |= {"old": "cells.h5ad", "zarr2": "cells.zarr", "zarr3": "cells.zarr"}
    for name, file in found.items():
        adata = cells()
        counts = adata.X.copy()
        if name == "csc":
            adata.X = sparse.csc_matrix(counts)
        elif name == "dense":
            adata.X = counts.toarray()
        elif name != "old":
            adata.raw = adata.copy()
            adata.layers["counts"] = counts
            adata.X = sparse.csr_matrix(np.log1p(counts.toarray() * 1.7))
        path = place / name / file
        path.parent.mkdir()
        if name.startswith("zarr"):
            with ad.settings.override(zarr_write_format=int(name[-1])):
                adata.write_zarr(path)
        else:
            adata.write_h5ad(path, compression="gzip" if name == "gzip" else None)
        if name == "old":
            with h5py.File(path, "r+") as opened:
                for attribute in list(opened.attrs):
                    del opened.attrs[attribute]
    found |= _tenx(place) | _triplets(place) | _others(place)
    for name in ("zarr2", "zarr3"):
        assert zarr.open_group(place / name / "cells.zarr", mode="r").metadata.zarr_format in (2, 3)
    return found


def _tenx(place: Path) -> dict[str, str]:
    adata, names = cells(), ("tenx2", "tenx3")
    counts = sparse.csr_matrix(adata.X)
    for name in names:
        (place / name).mkdir()
        with h5py.File(place / name / "cells.h5", "w") as file:
            group = file.create_group("hg19" if name == "tenx2" else "matrix")
            for part, kind in (("data", "i4"), ("indices", "i8"), ("indptr", "i8")):
                values = getattr(counts, part).astype(kind)
                group.create_dataset(part, data=values, compression="gzip", chunks=(16,))
            group["shape"] = np.array([GENES, CELLS], np.int32)
            group["barcodes"] = np.array(adata.obs_names.astype(str), "S")
            ids, symbols = (np.array(list(v), "S") for v in (adata.var.gene_ids, adata.var_names))
            if name == "tenx2":
                group["genes"], group["gene_names"] = ids, symbols
                continue
            group["features/id"], group["features/name"] = ids, symbols
            group["features/feature_type"] = np.array(["Gene Expression"] * GENES, "S")
            group["features/genome"] = np.array(["GRCh38"] * GENES, "S")
    return dict.fromkeys(names, "cells.h5")


def _triplets(place: Path) -> dict[str, str]:
    adata = cells()
    folder(adata, place / "mtx" / "out", gz="")
    folder(adata, place / "mtxgz" / "out")
    kallisto, parse, star = place / "kallisto/out", place / "parse/out", place / "star/out"
    market(kallisto / "cells_x_genes.mtx", adata.X)
    write(kallisto / "cells_x_genes.barcodes.txt", lines(adata.obs_names))
    write(kallisto / "cells_x_genes.genes.txt", lines(adata.var.gene_ids))
    write(kallisto / "cells_x_genes.genes.names.txt", lines(adata.var_names))
    market(parse / "DGE.mtx", adata.X)
    rows = (f"ENSG{j},{name},hg38" for j, name in enumerate(adata.var_names))
    write(parse / "all_genes.csv", "gene_id,gene_name,genome\n" + lines(rows))
    rows = (f'{name},"brain, left",{i}' for i, name in enumerate(adata.obs_names))
    write(parse / "cell_metadata.csv", "bc_wells,sample,gene_count\n" + lines(rows))
    folder(adata, star, gz="")
    (star / "matrix.mtx").unlink()
    for part, factor in (("spliced", 1), ("unspliced", 2), ("ambiguous", 4)):
        market(star / f"{part}.mtx", adata.X.T * factor)
    return dict.fromkeys(("mtx", "mtxgz", "kallisto", "parse", "star"), "out")


def _others(place: Path) -> dict[str, str]:
    adata = cells()
    counts = adata.X.toarray()
    for name in ("loom", "h5mu", "csv", "tsv", "csvgz", "tsvgz"):
        (place / name).mkdir()
    with h5py.File(place / "loom" / "cells.loom", "w") as file:
        file.create_dataset("matrix", data=counts.T, compression="gzip", chunks=(8, 8))
        file.create_dataset("layers/spliced", data=counts.T, compression="gzip", chunks=(8, 8))
        file["row_attrs/Gene"] = np.array(adata.var_names.astype(str), "S")
        file["row_attrs/Accession"] = np.array(adata.var.gene_ids.astype(str), "S")
        file["col_attrs/CellID"] = list(adata.obs_names.astype(str))
        file["col_attrs/depth"] = counts.sum(1)
        file["attrs/LOOM_SPEC_VERSION"] = "3.0.0"
    with h5py.File(place / "h5mu" / "cells.h5mu", "w") as file:
        for mod in ("rna", "prot"):
            ad.io.write_elem(file.require_group("mod"), mod, adata)
        ad.io.write_elem(file, "obs", adata.obs)
        ad.io.write_elem(file, "var", adata.var)
    found = {"loom": "cells.loom", "h5mu": "cells.h5mu"}
    for name, separator in (("csv", ","), ("tsv", "\t")):
        text = adata.to_df().astype(int).to_csv(sep=separator)
        write(place / name / f"cells.{name}", text)
        write(place / f"{name}gz" / f"cells.{name}.gz", text)
        found |= {name: f"cells.{name}", f"{name}gz": f"cells.{name}.gz"}
    return found
