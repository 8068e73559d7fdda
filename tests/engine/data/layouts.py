"""Files as other programs write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata as ad
import scipy.io
from scipy import sparse


def write(path: Path, content: str | bytes) -> Path:
    """A file, packed where its name says so."""
    path.parent.mkdir(exist_ok=True, parents=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def market(path: Path, matrix: object) -> Path:
    plain = path.with_name("plain.mtx")
    path.parent.mkdir(exist_ok=True, parents=True)
    scipy.io.mmwrite(plain, sparse.coo_matrix(matrix).astype(int))
    content = plain.read_bytes()
    plain.unlink()
    return write(path, content)


def lines(names: object) -> str:
    return "".join(f"{name}\n" for name in names)


def folder(adata: ad.AnnData, place: Path, prefix: str = "", gz: str = ".gz") -> Path:
    market(place / f"{prefix}matrix.mtx{gz}", adata.X.T)
    write(place / f"{prefix}barcodes.tsv{gz}", lines(adata.obs_names))
    rows = (f"ENS{j}\t{name}\tGene Expression" for j, name in enumerate(adata.var_names))
    write(place / f"{prefix}features.tsv{gz}", lines(rows))
    return place
