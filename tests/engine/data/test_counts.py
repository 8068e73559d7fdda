import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine.data import Counts, DataRequest, read_counts
from engine.errors import ConfigError

GENES, CELLS = ["a", "b", "c"], ["x", "y"]
MATRIX = np.array([[1, 0, 2], [0, 3, 4]])


def test_from_arrays(check_invariants):
    counts = Counts.from_arrays(MATRIX, GENES, CELLS)
    check_invariants(counts)
    assert counts.reference == 2
    np.testing.assert_array_equal(counts.block(0, 2), MATRIX)
    np.testing.assert_array_equal(counts.totals, [3, 7])
    np.testing.assert_array_equal(counts.library_size, [3, 7])
    assert "2 cells x 3 genes" in repr(counts)


def test_from_arrays_with_everything():
    obs = pd.DataFrame({"label": ["u", "v"]})
    counts = Counts.from_arrays(
        sparse.csc_matrix(MATRIX), GENES, CELLS, reference="b", obs=obs, library_size=[10, 20]
    )
    assert counts.reference == 1
    assert counts.obs.loc["y", "label"] == "v"
    np.testing.assert_array_equal(counts.take(np.array([1])).library_size, [20])


def test_from_arrays_does_not_touch_its_input():
    matrix = sparse.csr_matrix(MATRIX.astype(np.float32))
    counts = Counts.from_arrays(matrix, GENES, CELLS)
    counts.matrix().data[:] = 9
    np.testing.assert_array_equal(matrix.toarray(), MATRIX)


@pytest.mark.parametrize(
    "chosen", [np.array([1, 0]), np.array([False, True]), np.array([], dtype=int)]
)
def test_taking_cells(chosen):
    counts = Counts.from_arrays(MATRIX, GENES, CELLS)
    part = counts.take(chosen)
    np.testing.assert_array_equal(part.block(0, part.n_cells), MATRIX[chosen])
    assert list(part.cells) == list(np.array(CELLS)[chosen])
    assert list(part.obs.index) == list(part.cells)
    assert part.fingerprint != counts.fingerprint


def test_fingerprints_tell_data_apart():
    def mark(matrix=MATRIX, genes=GENES, cells=CELLS, **settings):
        return Counts.from_arrays(matrix, genes, cells, **settings).fingerprint

    same = mark()
    assert same == mark(sparse.csr_matrix(MATRIX))
    others = {
        mark(MATRIX + 1),
        mark(MATRIX[:, ::-1]),
        mark(genes=["a", "b", "d"]),
        mark(cells=["x", "z"]),
        mark(reference=0),
    }
    assert len(others | {same}) == 6


def test_fingerprints_of_choices(counts_adata):
    marks = [
        read_counts(counts_adata, **choice).fingerprint
        for choice in ({}, {"genes": 5}, {"genes": 6}, {"reference": "gene1"})
    ]
    assert len(set(marks)) == 4


def test_the_report_is_json(counts_adata):
    report = read_counts(counts_adata, genes=3).report
    assert json.loads(json.dumps(report.to_dict()))["n_pooled"] == 9
    assert report.lines()[0] == "Found 30 cells and 12 genes."


def test_long_lists_of_names_are_cut_in_the_record(counts_adata):
    matrix = sparse.hstack([counts_adata.X, sparse.csr_matrix((30, 500))], format="csr")
    import anndata as ad

    report = read_counts(ad.AnnData(matrix)).report
    assert len(report.dropped_genes) == 500
    assert report.to_dict()["n_dropped_genes"] == 500
    assert len(report.to_dict()["dropped_genes"]) == 200


def test_requests_are_plain_values():
    request = DataRequest("some.h5ad", layer="counts", genes=["a", "b"], library_size="n")
    again = DataRequest.from_dict(json.loads(json.dumps(request.to_dict())))
    assert again == request
    assert {request: 1}[again] == 1
    assert request.genes == ("a", "b")


@pytest.mark.parametrize("values", [{}, {"source": "demo", "colour": 1}, {"layer": "X"}])
def test_requests_with_wrong_keys(values):
    with pytest.raises(ConfigError, match="source"):
        DataRequest.from_dict(values)


@pytest.mark.parametrize("wrong", [{"source": 3}, {"source": "demo", "genes": 0}])
def test_requests_with_wrong_values(wrong):
    with pytest.raises(ConfigError):
        DataRequest(**wrong)
