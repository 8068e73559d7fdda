"""Genes are called by symbols where there are any; their ids stay beside, and find them again."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import DataRequest, inspect_source, read_counts
from engine.data.gene_names import INDEX, name_columns, name_genes
from engine.errors import DataError
from engine.genes import find_genes
from engine.results import OTHER
from tests.conftest import ROOT
from tests.tiny import LDA, LNM, tiny_data

CASE = ROOT.parent / "shared" / "cases" / "formats" / "cxg.h5ad"
IDS = [f"ENSG{j:011d}" for j in range(8)]
SYMBOLS = ["CD3E", "TBCE", "TBCE", None, "NKG7", " ", "NA", "a<b>"]
SHOWN = ["CD3E", f"TBCE ({IDS[1]})", f"TBCE ({IDS[2]})", IDS[3], "NKG7", IDS[5], "NA", "a<b>"]


def table(index=IDS, **columns) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(index))


def data(var: pd.DataFrame, seed: int = 0) -> ad.AnnData:
    counts = np.random.default_rng(seed).poisson(3, (20, len(var))) + 1
    return ad.AnnData(counts.astype(np.float32), var=var)


class TestNames:
    @pytest.mark.parametrize(
        "name", ["feature_name", "gene_symbols", "Gene Symbol", "SYMBOL", "hgnc_symbol", "gene"]
    )
    @pytest.mark.parametrize("kind", [object, "category", "str"])
    def test_symbols_beside_ids_become_the_names(self, name, kind):
        named = name_genes(table(length=range(8), **{name: pd.Series(SYMBOLS, IDS, dtype=kind)}))
        assert named.names.tolist() == SHOWN
        assert named.ids.tolist() == named.stored.tolist() == IDS
        assert named.column == name
        assert name in named.reason
        assert any("2 genes have no name" in text for text in named.warnings)
        assert any("carry their id (TBCE (ENSG" in text for text in named.warnings)
        assert not any("taken for ids" in text for text in named.warnings)

    @pytest.mark.parametrize(
        "index",
        [
            [f"ENSMUSG{j:011d}.{j}" for j in range(8)],
            [f"GRCh38_ENSG{j:011d}" for j in range(8)],
            [str(j) for j in range(8)],
            [f"FBgn{j:07d}" for j in range(8)],
        ],
    )
    def test_ids_of_other_kinds_are_no_guess(self, index):
        assert name_genes(table(index, symbol=list("abcdefgh"))).warnings == ()

    def test_an_index_of_an_unknown_kind_is_a_guess_that_is_told(self):
        named = name_genes(table(list("ijklmnop"), symbol=list("abcdefgh")))
        assert named.column == "symbol"
        assert "taken for ids" in named.warnings[0]
        assert name_genes(table(list("ijklmnop"), symbol=list("abcdefgh")), "symbol").warnings == ()

    @pytest.mark.parametrize(
        "values",
        [
            ["gene"] * 8,
            list(range(8)),
            [0.5] * 8,
            [True, False] * 4,
            ["a", "b"] * 4,
            ["a", "b", "c", *[None] * 5],
            IDS[::-1],
        ],
        ids=["constant", "numbers", "fractions", "flags", "few", "mostly missing", "ids again"],
    )
    def test_a_column_that_names_nothing_is_not_taken(self, values):
        named = name_genes(table(feature_name=values))
        assert named.column == INDEX
        assert named.ids is None
        assert named.names.tolist() == IDS

    def test_a_column_that_the_index_was_made_unique_of_is_not_taken(self):
        index = ["A", "B", "B-1", "C"]
        named = name_genes(table(index, gene_symbols=["A", "B", "B", "C"]))
        assert named.names.tolist() == index

    def test_the_surest_of_two_columns(self):
        both = table(symbol=list("abcdefgh"), feature_name=list("ijklmnop"))
        assert name_genes(both).column == "feature_name"
        assert name_columns(both) == ("symbol", "feature_name")

    def test_a_column_of_another_name_is_pointed_at(self):
        named = name_genes(table(label=list("abcdefgh")))
        assert named.column == INDEX
        assert "var['label'] may hold their names" in named.warnings[0]
        assert name_genes(table(label=list("abcdefgh")), "label").names.tolist() == list("abcdefgh")

    def test_names_in_the_index_with_ids_in_a_column(self):
        index = ["A", "B", "B", "C", "D", "E", "F", "G"]
        named = name_genes(table(index, gene_ids=IDS))
        assert named.names.tolist()[:4] == ["A", f"B ({IDS[1]})", f"B ({IDS[2]})", "C"]
        assert named.ids.tolist() == IDS
        as_before = name_genes(table(index, gene_ids=IDS), INDEX)
        assert as_before.names.tolist()[:4] == ["A", "B", "B-1", "C"]
        assert as_before.ids.tolist() == IDS

    def test_a_name_that_is_the_id_of_another_gene_carries_its_own(self):
        named = name_genes(table(IDS[:4], symbol=[IDS[1], "A", "B", "C"]), "symbol")
        assert named.names.tolist() == [f"{IDS[1]} ({IDS[0]})", "A", "B", "C"]
        assert name_genes(table(list("abcd"), gene_ids=["b", "a", "x", "y"])).ids is None

    def test_ids_that_repeat_are_none(self):
        assert name_genes(table(list("abcd"), gene_ids=["x", "x", "y", "z"])).ids is None

    def test_the_pool_of_an_earlier_fit_stays_one(self):
        named = name_genes(table([*IDS[:3], OTHER], symbol=["A", OTHER, "B", "rest"]))
        assert named.names.tolist() == ["A", IDS[1], "B", OTHER]

    def test_a_column_that_is_not_there(self):
        with pytest.raises(DataError, match="symbol"):
            name_genes(table(symbol=list("abcdefgh")), "nothing")

    def test_two_columns_of_one_name(self):
        var = pd.concat([table(symbol=SYMBOLS), table(symbol=SYMBOLS)], axis=1)
        assert name_genes(var).names.tolist() == IDS


class TestPlaces:
    def test_ids_come_before_names(self):
        names, ids = pd.Index(["B", "A"]), pd.Index(["A", "X"])
        assert find_genes(["A", "B", "X", "no"], names, ids).tolist() == [0, 0, 1, -1]

    def test_ids_of_another_version(self):
        ids = pd.Index([f"{IDS[0]}.3", f"{IDS[1]}.12"])
        assert find_genes([IDS[1], f"{IDS[0]}.4", IDS[2]], ids).tolist() == [1, 0, -1]

    def test_each_gene_once(self):
        names, ids = pd.Index(["A", "B"]), pd.Index(["x", "y"])
        found = find_genes(["A", "C"], names, ids, wanted_ids=pd.Index(["y", "y"]), once=True)
        assert found.tolist() == [1, -1]

    def test_nothing_among_nothing(self):
        assert find_genes(["A"], pd.Index([])).tolist() == [-1]
        assert find_genes([], pd.Index(["A"])).tolist() == []


@pytest.fixture
def named() -> ad.AnnData:
    return data(table(feature_name=SYMBOLS))


def written(adata: ad.AnnData, folder: Path, kind: str) -> Path | ad.AnnData:
    path = folder / f"cells.{kind}"
    if kind == "memory":
        return adata
    (adata.write_zarr if kind == "zarr" else adata.write_h5ad)(path)
    return path


class TestReading:
    @pytest.mark.parametrize("kind", ["memory", "h5ad", "zarr"])
    def test_every_source(self, named, tmp_path, kind):
        source = written(named, tmp_path, kind)
        counts = read_counts(source, genes="all")
        assert counts.genes.tolist() == SHOWN
        assert counts.gene_ids.tolist() == IDS
        assert counts.report.gene_names == "feature_name"
        assert any("feature_name" in line for line in counts.report.lines())
        info = inspect_source(source)
        assert (info.gene_names, info.gene_columns) == ("feature_name", ("feature_name",))

    @pytest.mark.parametrize("described", [True, False])
    def test_raw_of_more_genes(self, named, tmp_path, described):
        part = named[:, [0, 1, 4, 6, 7]].copy()
        part.raw = named if described else data(table())
        part.X = np.log1p(part.X)
        counts = read_counts(written(part, tmp_path, "h5ad"), genes="all")
        assert counts.layer == "raw"
        known = ["CD3E", "TBCE", IDS[2], IDS[3], "NKG7", IDS[5], "NA", "a<b>"]
        assert counts.genes.tolist() == (SHOWN if described else known)

    def test_the_counts_are_the_same_however_genes_are_called(self, named):
        symbols, index = (read_counts(named, genes=5, gene_names=how) for how in (None, INDEX))
        assert symbols.fingerprint == index.fingerprint
        assert index.gene_ids is None
        assert (symbols.block(0, 20) == index.block(0, 20)).all()

    def test_genes_are_asked_for_by_id_or_name(self, named):
        counts = read_counts(named, genes=["NKG7", IDS[0], "CD3E"], reference=IDS[4])
        assert counts.genes.tolist() == ["NKG7", "CD3E", OTHER]
        assert counts.gene_ids.tolist() == [IDS[4], IDS[0], OTHER]
        assert counts.reference == 0

    def test_a_name_of_two_genes_is_asked_back(self, named):
        with pytest.raises(DataError, match=rf"Did you mean TBCE \({IDS[1]}\) or TBCE"):
            read_counts(named, genes=["TBCE"])

    def test_a_request_keeps_the_choice(self, named, tmp_path):
        source = str(written(named, tmp_path, "h5ad"))
        request = DataRequest(source, genes="all", gene_names=INDEX)
        assert DataRequest.from_dict(request.to_dict()) == request
        assert request.load().genes.tolist() == IDS
        older = {name: value for name, value in request.to_dict().items() if name != "gene_names"}
        assert DataRequest.from_dict(older).load().genes.tolist() == IDS

    def test_a_real_file_of_cellxgene(self):
        if not CASE.exists():
            pytest.skip("no example files")
        counts = read_counts(CASE, genes="all")
        assert counts.genes[:2].tolist() == ["GENE0", "GENE1"]
        assert counts.gene_ids[:2].tolist() == ["ENSG00000000000", "ENSG00000000001"]


class TestMatched:
    """Cells of one file over the genes of a fit to another."""

    @pytest.mark.parametrize("how", [None, INDEX])
    @pytest.mark.parametrize("before", [None, INDEX])
    def test_ids_and_symbols_match_one_another(self, named, before, how):
        fitted = read_counts(named, genes=4, gene_names=before)
        new = read_counts(named, genes="all", gene_names=how)
        found = new.matched(fitted.genes, fitted.gene_ids)
        assert found.genes.equals(fitted.genes)
        np.testing.assert_array_equal(found.block(0, 20), fitted.block(0, 20))

    def test_genes_that_no_cell_expresses_are_known_by_id(self, named):
        silent = named.copy()
        silent.X[:, 0] = 0
        new = read_counts(silent, genes="all")
        found = new.matched(pd.Index(IDS))
        assert found.block(0, 20)[:, 0].sum() == 0

    def test_another_gene_of_the_same_symbol_is_not_taken_twice(self, named):
        counts = read_counts(named, genes="all")
        with pytest.raises(DataError, match="1 missing"):
            counts.matched(pd.Index(["NKG7", "other"]), pd.Index(["E1", IDS[4]]))


class TestFits:
    @pytest.mark.fit
    @pytest.mark.parametrize("model", ["lnm", "lda"])
    def test_a_saved_fit_keeps_the_ids(self, model, tmp_path):
        adata = tiny_data(model)
        ids = [f"ENSG{j:011d}" for j in range(adata.n_vars)]
        adata.var = pd.DataFrame({"symbol": adata.var_names}, index=ids)
        config = LNM if model == "lnm" else LDA
        fit = engine.fit(read_counts(adata, genes="all"), config)
        path = fit.save(tmp_path / "fit.h5ad")
        back = engine.load(path)
        assert back.genes.tolist() == fit.genes.tolist()
        assert back.gene_ids.tolist() == ids
        assert ad.read_h5ad(path).var["gene_ids"].tolist() == ids
