import warnings

import numpy as np
import pytest
from scipy import sparse

from engine.data import DataRequest, demo, demo_adata, read_counts
from engine.errors import DataError


def test_the_demo_is_real_counts():
    adata = demo_adata()
    assert adata.shape == (700, 766)
    assert adata.var_names[-1] == "_other"
    values = adata.X.data
    assert (values == np.rint(values)).all()
    assert (values > 0).all()
    # Facts of the published data: the library sizes, and the deepest count of a gene.
    totals = adata.X.sum(1).A1
    np.testing.assert_array_equal(totals, adata.obs["total_counts_all_genes"])
    assert adata[:, :-1].X.nnz == 174_400
    assert adata.X[:, :-1].max() == 259
    assert adata.obs["bulk_labels"].nunique() == 10


def test_reading_the_demo(check_invariants):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = read_counts("demo")
    check_invariants(counts)
    assert (counts.n_cells, counts.n_genes) == (700, 766)
    assert counts.genes[counts.reference] == "_other"
    assert counts.source == "demo"
    assert counts.report.genes_found == 765
    assert counts.report.warnings == ()
    np.testing.assert_array_equal(counts.totals, counts.library_size)
    assert DataRequest("demo").load().fingerprint == counts.fingerprint


def test_fewer_genes_of_the_demo_keep_the_totals(dense):
    counts = read_counts("demo", genes=100)
    np.testing.assert_array_equal(counts.totals, read_counts("demo").totals)
    np.testing.assert_array_equal(dense(counts).sum(1), counts.totals)


def test_a_demo_that_is_no_counts_is_refused(monkeypatch):
    obs, values, var = demo._shipped()
    shifted = sparse.csr_matrix(values + (values > 0) * 0.01)
    monkeypatch.setattr(demo, "_shipped", lambda: (obs, shifted, var))
    with pytest.raises(DataError, match="demo counts"):
        demo_adata()


def test_a_scanpy_without_the_demo_is_told(monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="the demo data that scanpy ships"):
        demo_adata()
