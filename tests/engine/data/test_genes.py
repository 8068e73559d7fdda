import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from engine.data import read_counts
from engine.data.gene_choice import residual_variance
from engine.errors import ConfigError, DataError


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.slow
def test_scores_are_those_of_scanpy():
    # Here, for it takes seconds of all that collect the tests.
    import scanpy as sc

    rng = np.random.default_rng(0)
    matrix = rng.poisson(rng.gamma(0.7, 1, (200, 1)) * rng.gamma(0.5, 2, 60), (200, 60))
    matrix = sparse.csr_matrix(matrix[matrix.sum(1) > 0][:, matrix.sum(0) > 0].astype(np.float32))
    # Dense: of sparse values it compiles the mean, too.
    table = sc.experimental.pp.highly_variable_genes(
        ad.AnnData(matrix.toarray()), flavor="pearson_residuals", n_top_genes=10, inplace=False
    )
    np.testing.assert_allclose(residual_variance(matrix), table["residual_variances"], rtol=1e-4)


def test_scores_do_not_depend_on_how_genes_are_cut(monkeypatch, counts_adata):
    whole = residual_variance(counts_adata.X)
    monkeypatch.setattr("engine.data.gene_choice.RESIDUAL_VALUES", 100)
    np.testing.assert_allclose(residual_variance(counts_adata.X), whole, rtol=1e-6)


def test_silent_genes_and_empty_cells_score_nothing():
    matrix = sparse.csr_matrix(np.array([[1, 0, 2], [0, 0, 0], [3, 0, 1]], dtype=np.float32))
    scores = residual_variance(matrix)
    assert scores[1] == 0
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, residual_variance(matrix[[0, 2]]))


def test_most_variable_and_the_rest_pooled(counts_adata, dense):
    matrix = counts_adata.X.toarray()
    matrix[::2, 3] += 40
    matrix[1::2, 8] += 40
    counts_adata.X = sparse.csr_matrix(matrix)
    counts = read_counts(counts_adata, genes=2)
    assert list(counts.genes) == ["gene3", "gene8", "_other"]
    assert counts.reference == 2
    np.testing.assert_array_equal(counts.totals, matrix.sum(1))
    rest = matrix.sum(1) - matrix[:, 3] - matrix[:, 8]
    np.testing.assert_array_equal(dense(counts)[:, 2], rest)
    assert counts.report.n_pooled == 10


def test_variable_genes_of_a_subsample(counts_adata, monkeypatch):
    monkeypatch.setattr("engine.data.scan.SAMPLE_CELLS", 10)
    matrix = counts_adata.X.toarray()
    matrix[::6, 3] += 40
    # Never seen in the subsample (every third cell), yet expressed: they must not break it.
    matrix[::3, 5] = 0
    counts_adata.X = sparse.csr_matrix(matrix)
    counts = read_counts(counts_adata, genes=11)
    assert "gene3" in counts.genes
    assert "gene5" not in counts.genes
    assert "on 10 cells" in counts.report.genes_reason


def test_all_genes_leave_nothing_to_pool(counts_adata):
    matrix = counts_adata.X.toarray()
    matrix[:, 6] = 3
    matrix[1:, :6] *= np.random.default_rng(0).integers(0, 2, (29, 6))
    matrix[1, [0, *range(7, 12)]] = 0
    counts_adata.X = sparse.csr_matrix(matrix)
    counts = read_counts(counts_adata, genes="all")
    assert "_other" not in counts.genes
    assert counts.genes[counts.reference] == "gene6"
    assert "seen in the most cells (100%)" in counts.report.reference_reason
    with pytest.raises(DataError, match=r"genes pooled into _other"):
        read_counts(counts_adata, genes="all", reference="_other")


@pytest.mark.parametrize("genes", [12, 5000])
def test_asking_for_all_there_is(counts_adata, genes):
    assert read_counts(counts_adata, genes=genes).n_genes == 12


def test_a_list_keeps_its_order(counts_adata, dense):
    counts = read_counts(counts_adata, genes=["gene9", "gene2", "gene9"])
    assert list(counts.genes) == ["gene9", "gene2", "_other"]
    expected = counts_adata[:, ["gene9", "gene2"]].X.toarray()
    np.testing.assert_array_equal(dense(counts)[:, :2], expected)


def test_unknown_genes_are_refused_with_a_suggestion(counts_adata):
    counts_adata.var_names = [f"GENE{j}" for j in range(12)]
    with pytest.raises(DataError, match=r"2 unknown \(gene4, x\).*Did you mean GENE4\?"):
        read_counts(counts_adata, genes=["gene4", "GENE1", "x"])
    with pytest.raises(DataError, match="a reference gene of this data set"):
        read_counts(counts_adata, reference="nobody")


def test_genes_asked_for_but_silent(counts_adata):
    matrix = counts_adata.X.toarray()
    matrix[:, 3] = 0
    counts_adata.X = sparse.csr_matrix(matrix)
    counts = read_counts(counts_adata, genes=["gene1", "gene3", "gene2"])
    assert list(counts.genes) == ["gene1", "gene2", "_other"]
    assert counts.report.warnings == ("1 of the genes asked for are never expressed (gene3).",)
    with pytest.raises(DataError, match="never expressed"):
        read_counts(counts_adata, reference="gene3")


@pytest.mark.parametrize("genes", ["all", 3, ["gene1", "gene2"]])
def test_a_named_reference_is_always_modelled(counts_adata, genes):
    counts = read_counts(counts_adata, genes=genes, reference="gene11")
    assert counts.genes[counts.reference] == "gene11"


@pytest.mark.parametrize("genes", [0, -1, True, 2.5, "some", [], [1, 2], None])
def test_choices_that_are_none(counts_adata, genes):
    with pytest.raises(ConfigError, match="genes to be a number above zero"):
        read_counts(counts_adata, genes=genes)


@pytest.mark.parametrize("genes", ["all", 5, ["gene1", "_other"]])
def test_an_earlier_pool_joins_the_new_one(counts_adata, dense, genes):
    names = list(counts_adata.var_names)
    names[4] = "_other"
    counts_adata.var_names = names
    counts = read_counts(counts_adata, genes=genes)
    assert counts.genes[-1] == "_other"
    assert counts.reference == counts.n_genes - 1
    assert list(counts.genes).count("_other") == 1
    np.testing.assert_array_equal(dense(counts).sum(1), counts_adata.X.sum(1).A1)
    assert (dense(counts)[:, -1] >= counts_adata[:, "_other"].X.toarray().ravel()).all()


def test_a_list_of_names_may_hold_the_pool(counts_adata, dense):
    counts = read_counts(counts_adata, genes=["gene3", "_other", "gene1"])
    assert list(counts.genes) == ["gene3", "gene1", "_other"]
    again = read_counts(counts_adata, genes=counts.genes)
    assert again.genes.equals(counts.genes)
    np.testing.assert_array_equal(dense(again), dense(counts))


class TestLibrarySize:
    @pytest.fixture
    def partial(self, counts_adata):
        """Half of the genes, with the counts over all of them in obs."""
        part = counts_adata[:, :6].copy()
        part.obs["total_counts_all_genes"] = counts_adata.X.sum(1).A1
        return part

    @pytest.mark.parametrize("genes", ["all", 3])
    @pytest.mark.parametrize("backed", [True, False])
    def test_what_the_file_lacks_is_pooled(
        self, counts_adata, partial, dense, genes, backed, tmp_path
    ):
        partial.write_h5ad(tmp_path / "part.h5ad")
        path = tmp_path / "part.h5ad"
        column = "total_counts_all_genes"
        counts = read_counts(path, genes=genes, library_size=column, backed=backed)
        whole = counts_adata.X.sum(1).A1
        np.testing.assert_array_equal(counts.library_size, whole)
        np.testing.assert_array_equal(counts.totals, whole)
        np.testing.assert_array_equal(dense(counts).sum(1), whole)
        assert counts.genes[-1] == "_other"
        assert counts.report.warnings == ()

    def test_it_is_offered_but_not_taken_unasked(self, partial):
        counts = read_counts(partial, genes="all")
        np.testing.assert_array_equal(counts.library_size, partial.X.sum(1).A1)
        assert "library_size='total_counts_all_genes'" in counts.report.warnings[0]

    @pytest.mark.parametrize(
        ("column", "expected"),
        [
            ("nowhere", "a column of obs among depth"),
            ("label", "library sizes that are numbers"),
            ("small", "no smaller than the counts"),
        ],
    )
    def test_columns_that_are_none(self, partial, column, expected):
        partial.obs["small"] = 1.0
        with pytest.raises(DataError, match=expected):
            read_counts(partial, library_size=column)
