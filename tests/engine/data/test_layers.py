import numpy as np
import pytest
from scipy import sparse

from engine.data import inspect_source, read_counts
from engine.errors import ConfigError, DataError


def normalised(matrix):
    return sparse.csr_matrix(np.log1p(matrix * 1.7))


@pytest.fixture
def place(request, tmp_path):
    """Store an AnnData where the test asks and return what to read."""

    def put(adata):
        if request.param == "memory":
            return adata
        path = tmp_path / f"data.{request.param}"
        getattr(adata, f"write_{request.param}")(path)
        return path

    return put


everywhere = pytest.mark.parametrize("place", ["memory", "h5ad", "zarr"], indirect=True)


@everywhere
def test_x_by_default(counts_adata, place):
    counts = read_counts(place(counts_adata))
    assert counts.layer == "X"
    assert counts.report.layer_reason == "Read X, which holds whole numbers."


@everywhere
def test_raw_when_x_is_normalised(counts_adata, place, dense):
    adata = counts_adata[:, :8].copy()
    adata.raw = counts_adata
    adata.X = normalised(adata.X)
    counts = read_counts(place(adata), genes="all")
    assert counts.layer == "raw"
    assert counts.n_genes == 12
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert "X holds fractions" in counts.report.layer_reason


@everywhere
def test_a_layer_named_for_counts_comes_first(counts_adata, place):
    adata = counts_adata.copy()
    adata.layers["spliced"] = adata.X.copy()
    adata.layers["counts"] = adata.X.copy()
    assert read_counts(place(adata)).layer == "counts"
    assert read_counts(adata, layer="spliced").layer == "spliced"


def test_zeros_and_ones_come_last(counts_adata):
    adata = counts_adata.copy()
    adata.layers["umi"] = adata.X.copy()
    adata.X = (adata.X > 0).astype(np.float32)
    assert read_counts(adata).layer == "umi"
    del adata.layers["umi"]
    assert read_counts(adata).layer == "X"


@everywhere
def test_layers_that_borrow_the_names_of_others(counts_adata, place):
    adata = counts_adata.copy()
    adata.layers["raw"] = adata.X * 2
    source = place(adata)
    assert read_counts(source, layer="layers/raw").totals.sum() == 2 * adata.X.sum()
    with pytest.raises(DataError, match="a layer among X, layers/raw"):
        read_counts(source, layer="raw")


def test_a_layer_must_be_named_by_text(counts_adata):
    with pytest.raises(ConfigError, match="layer to be a name"):
        read_counts(counts_adata, layer=3)


@everywhere
def test_inspection_tells_what_can_be_chosen(counts_adata, place):
    adata = counts_adata.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.raw = adata[:, :7].copy()
    adata.X = normalised(adata.X)
    info = inspect_source(place(adata))
    assert (info.n_cells, info.n_genes, info.guess) == (30, 12, "counts")
    assert {layer.name: (layer.n_genes, layer.is_counts) for layer in info.layers} == {
        "X": (12, False),
        "raw": (7, True),
        "counts": (12, True),
    }
    kinds = [(column.name, column.kind, column.n_values) for column in info.columns]
    assert kinds == [("label", "label", 3), ("depth", "number", adata.obs["depth"].nunique())]


def test_inspection_of_data_without_counts(counts_adata):
    counts_adata.X = normalised(counts_adata.X)
    info = inspect_source(counts_adata)
    assert info.guess is None
    assert "look log-normalised" in info.guess_reason
