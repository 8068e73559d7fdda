"""Whatever is thrown at the border, out come valid counts or an EngineError; nothing else."""

import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from engine.data import inspect_source, read_counts
from engine.errors import EngineError

FILES = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MEMORY = settings(FILES, max_examples=300)


@pytest.fixture
def intact(counts_adata, tmp_path):
    """Files of every format: {path: bytes}, by format."""
    adata = counts_adata
    adata.layers["counts"] = adata.X.copy()
    adata.write_h5ad(tmp_path / "csr.h5ad")
    adata.write_h5ad(tmp_path / "gzip.h5ad", compression="gzip")
    adata.X = adata.X.toarray()
    adata.write_h5ad(tmp_path / "dense.h5ad")
    adata.write_zarr(tmp_path / "data.zarr")
    files = {path.name: [path] for path in sorted(tmp_path.glob("*.h5ad"))}
    files["data.zarr"] = sorted(p for p in (tmp_path / "data.zarr").rglob("*") if p.is_file())
    return {name: {path: path.read_bytes() for path in paths} for name, paths in files.items()}


def outcome(source, check_invariants, **choices):
    """Read, look at and stream a source: only an EngineError may come out of it."""
    said = None
    try:
        inspect_source(source)
        check_invariants(read_counts(source, **choices))
    except EngineError as error:
        said = error
    assert said is None or all((said.expected, said.got, said.remedy))
    return "read" if said is None else "refused"


@FILES
@given(data=st.data())
@pytest.mark.slow
def test_damaged_files(intact, check_invariants, monkeypatch, data):
    monkeypatch.setattr("engine.data.probe.SECONDS", 1.0)
    name = data.draw(st.sampled_from(sorted(intact)))
    path, content = data.draw(st.sampled_from(sorted(intact[name].items())))
    mangled = bytearray(content)
    places = st.integers(0, max(len(content) - 1, 0))
    if data.draw(st.booleans()):
        mangled = mangled[: data.draw(places)]
    for _ in range(data.draw(st.integers(0, 30)) if mangled else 0):
        mangled[data.draw(places) % len(mangled)] = data.draw(st.integers(0, 255))
    path.write_bytes(mangled)
    backed, genes = data.draw(st.booleans()), data.draw(st.sampled_from(["all", 4]))
    try:
        outcome(_root(path), check_invariants, backed=backed, genes=genes)
    finally:
        path.write_bytes(content)


def test_undamaged_files_are_read(intact, check_invariants):
    for paths in intact.values():
        assert outcome(_root(next(iter(paths))), check_invariants) == "read"


VALUES = st.one_of(
    st.integers(0, 5).map(float),
    st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.5, 1e30, 2.0**31, 1e-30, -0.0]),
)
TYPES = st.sampled_from(["f4", "f8", "f2", "i1", "u8", "?", "O", "c8", "U3", "M8[s]"])
NAMES = st.one_of(st.text(max_size=3), st.integers(), st.none(), st.binary(max_size=3))


def matrix_of(data: st.DataObject, shape: tuple[int, int]):
    plain = data.draw(st.integers(0, 4)) > 0
    values = st.integers(0, 3).map(float) if plain else VALUES
    dense = data.draw(hnp.arrays("f8", shape, elements=values))
    if not plain:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return dense.astype(data.draw(TYPES))
    kind = data.draw(st.sampled_from(["dense", "csr", "csc", "broken"]))
    if kind == "dense":
        return dense
    matrix = sparse.csc_matrix(dense) if kind == "csc" else sparse.csr_matrix(dense)
    if kind == "broken" and matrix.nnz:
        part = data.draw(st.sampled_from(["indices", "indptr"]))
        array = getattr(matrix, part)
        array[data.draw(st.integers(0, len(array) - 1))] = data.draw(
            st.sampled_from([-1, 10**6, 2**31 - 1])
        )
    return matrix


@MEMORY
@given(data=st.data())
@pytest.mark.slow
def test_odd_anndata(check_invariants, data):
    shape = data.draw(st.tuples(st.integers(0, 6), st.integers(0, 6)))
    cells = data.draw(st.lists(NAMES, min_size=shape[0], max_size=shape[0]))
    genes = data.draw(st.lists(NAMES, min_size=shape[1], max_size=shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            obs, var = pd.DataFrame({"label": cells}), pd.DataFrame(index=range(shape[1]))
            adata = ad.AnnData(obs=obs, var=var)
            adata.X = matrix_of(data, shape)
            adata.layers["other"] = matrix_of(data, shape)
            adata.obs_names = pd.Index(cells, dtype=object)
            adata.var_names = pd.Index(genes, dtype=object)
        except (ValueError, TypeError, IndexError):
            reject()  # AnnData itself would not have it.
    outcome(
        adata,
        check_invariants,
        layer=data.draw(st.sampled_from([None, "X", "other", "raw"])),
        genes=data.draw(st.sampled_from(["all", 1, 3, 50])),
        reference=data.draw(st.sampled_from([None, "_other", "nobody"])),
        library_size=data.draw(st.sampled_from([None, None, "label"])),
    )


def _root(path: Path) -> Path:
    return next((parent for parent in path.parents if parent.suffix == ".zarr"), path)
