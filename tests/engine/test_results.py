from __future__ import annotations

import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import Counts
from engine.results import FORMAT, Capture, Fit, load_counts
from tests.engine.problems import dense
from tests.tiny import CELLS, GENES, LNM, LNMVCP


@pytest.fixture(scope="module")
def counts() -> Counts:
    rng = np.random.default_rng(0)
    matrix = rng.poisson(np.exp(rng.normal(1, 1, GENES)), (CELLS, GENES))
    names = [*(f"gen-{g}" for g in range(GENES - 4)), "β-actin", "Ärmel/1", "遺伝子", "_other"]
    obs = pd.DataFrame(
        {
            "cell type": pd.Categorical(
                ["T", "Ü-Zelle"] * (CELLS // 2), ["T", "Ü-Zelle", "never seen"]
            ),
            "total_counts": np.arange(CELLS),
            "score": rng.normal(size=CELLS),
            "passed": rng.uniform(size=CELLS) > 0.5,
            "note": ["ja", "naïve"] * (CELLS // 2),
        }
    )
    return Counts.from_arrays(
        matrix, names, [f"zelle-ß-{c}" for c in range(CELLS)], obs=obs, name="Übung"
    )


@pytest.fixture(scope="module", params=[LNM, LNMVCP], ids=lambda config: config.model)
def fit(request: pytest.FixtureRequest, counts: Counts) -> Fit:
    return engine.fit(counts, request.param)


def assert_equal(one: Any, other: Any, name: str = "") -> None:
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert one.dtype == other.dtype, name
    elif isinstance(one, pd.DataFrame):
        # Labels of few words come back as categories, and the trace's columns by their names.
        assert set(one) == set(other), name
        for column in one:
            assert list(one[column]) == list(other[column]), f"{name}.{column}"
    elif isinstance(one, pd.Index):
        assert list(one) == list(other), name
    elif isinstance(one, Capture):
        for key in asdict(one):
            assert_equal(getattr(one, key), getattr(other, key), f"{name}.{key}")
    else:
        assert one == other, name


class TestRoundTrip:
    def test_every_field_comes_back(self, fit: Fit, tmp_path: Path) -> None:
        path = fit.save(tmp_path / "fit.h5ad")
        assert path == tmp_path / "fit.h5ad"
        read = engine.load(path)
        renamed = {"total_counts": "total_counts_input"}
        for field in fields(Fit):
            one = getattr(fit, field.name)
            if field.name == "obs":
                # The model has a column of that name of its own.
                one = one.rename(columns=renamed)
            assert_equal(one, getattr(read, field.name), field.name)
        assert read.model == fit.model
        assert read.factor_names == fit.factor_names
        np.testing.assert_array_equal(read.is_gene, fit.is_gene)
        assert read.log_marginal_per_cell == fit.log_marginal_per_cell

    def test_saved_twice_it_is_the_same(self, fit: Fit, tmp_path: Path) -> None:
        once = engine.load(fit.save(tmp_path / "once.h5ad"))
        twice = engine.load(once.save(tmp_path / "twice.h5ad"))
        for field in fields(Fit):
            if field.name != "obs":
                assert_equal(getattr(once, field.name), getattr(twice, field.name), field.name)
        assert list(twice.cells) == list(fit.cells)

    def test_labels_keep_their_kinds(self, fit: Fit, tmp_path: Path) -> None:
        obs = engine.load(fit.save(tmp_path / "fit.h5ad")).obs
        assert list(obs["cell type"].cat.categories) == ["T", "Ü-Zelle", "never seen"]
        assert obs["passed"].dtype == bool
        assert obs["score"].dtype == float
        assert list(obs["note"][:2]) == ["ja", "naïve"]
        np.testing.assert_array_equal(obs["total_counts_input"], np.arange(CELLS))

    def test_summaries_need_the_file_only(self, fit: Fit, tmp_path: Path) -> None:
        read = engine.load(fit.save(tmp_path / "fit.h5ad"))
        pd.testing.assert_frame_equal(
            engine.summaries.clr_correlation(read), engine.summaries.clr_correlation(fit)
        )

    @pytest.mark.fit
    def test_the_labels_of_an_earlier_lnmvcp_make_no_capture(
        self, counts: Counts, tmp_path: Path
    ) -> None:
        """Counts read from a saved LNMVCP bring its columns along as labels."""
        ones = np.ones(CELLS)
        labels = pd.DataFrame({"capture_eta": ones, "capture_efficiency": ones})
        labelled = replace(counts, obs=labels.set_axis(counts.cells))
        read = engine.load(engine.fit(labelled, LNM).save(tmp_path / "fit.h5ad"))
        assert read.model == "lnm"
        assert read.capture is None
        assert "capture_eta" in read.obs


class TestAnnData:
    def test_scanpy_opens_it(self, fit: Fit, tmp_path: Path) -> None:
        # Here, for it takes seconds of all that collect the tests.
        import scanpy as sc

        adata = sc.read_h5ad(fit.save(tmp_path / "fit.h5ad"))
        assert adata.shape == (CELLS, GENES)
        assert adata.obsm["X_lnm"].shape == adata.obsm["X_lnm_sd"].shape == (CELLS, 2)
        assert adata.varm["lnm_loadings"].shape == (GENES, 2)
        assert {"lnm_mean_clr", "lnm_noise", "lnm_reference"} <= set(adata.var)
        assert {"total_counts", "log_marginal", "cell type"} <= set(adata.obs)
        assert adata.var["lnm_reference"].sum() == 1
        efficiency = {"capture_efficiency", "capture_efficiency_sd"}
        assert (efficiency <= set(adata.obs)) == (fit.model == "lnmvcp")
        meta = adata.uns["logratio"]
        assert meta["model"] == fit.model
        assert json.loads(meta["config"])["n_factors"] == 2
        assert json.loads(meta["status"])["state"] == fit.status.state
        assert json.loads(meta["data"])["fingerprint"] == fit.data["fingerprint"]
        assert "jax" in json.loads(meta["versions"])
        np.testing.assert_array_equal(meta["trace"]["pass"], fit.trace["pass"])
        np.testing.assert_array_equal(adata.obsm["X_lnm"], fit.scores)

    def test_the_counts_can_come_along(self, fit: Fit, counts: Counts, tmp_path: Path) -> None:
        adata = ad.read_h5ad(fit.save(tmp_path / "fit.h5ad", counts.matrix()))
        np.testing.assert_array_equal(adata.X.toarray(), dense(counts))
        assert adata.X.dtype == np.float32
        assert engine.load(tmp_path / "fit.h5ad").model == fit.model
        columns = load_counts(tmp_path / "fit.h5ad")
        assert columns is not None
        assert columns.format == "csc"
        np.testing.assert_array_equal(columns.toarray(), dense(counts))

    def test_only_the_counts_are_compressed(self, fit: Fit, counts: Counts, tmp_path: Path) -> None:
        with h5py.File(fit.save(tmp_path / "fit.h5ad", counts.matrix())) as file:
            assert file["X/data"].compression == "gzip"
            assert file["obsm/X_lnm"].compression is None

    def test_no_counts_to_load(self, fit: Fit, tmp_path: Path) -> None:
        assert load_counts(fit.save(tmp_path / "fit.h5ad")) is None
        with pytest.raises(engine.FitError, match=r"none\.h5ad"):
            load_counts(tmp_path / "none.h5ad")

    def test_without_them_it_is_small(self, fit: Fit) -> None:
        assert fit.to_anndata().X.nnz == 0


class TestWriting:
    def test_folders_are_made(self, fit: Fit, tmp_path: Path) -> None:
        path = fit.save(tmp_path / "a" / "b" / "größe.h5ad")
        assert [file.name for file in path.parent.iterdir()] == ["größe.h5ad"]

    def test_a_failure_leaves_the_old_file_and_no_other(
        self, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = fit.save(tmp_path / "fit.h5ad")
        before = path.read_bytes()

        def fail(self: ad.AnnData, file: Path, **_: Any) -> None:
            Path(file).write_bytes(b"half")
            raise OSError("No space left on device")

        monkeypatch.setattr(ad.AnnData, "write_h5ad", fail)
        with pytest.raises(engine.FitError, match="No space left"):
            fit.save(path)
        assert path.read_bytes() == before
        assert set(os.listdir(tmp_path)) <= {"fit.h5ad", "home"}

    def test_the_name_appears_only_when_all_is_written(
        self, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, seen = tmp_path / "fit.h5ad", []
        write = ad.AnnData.write_h5ad

        def watch(self: ad.AnnData, file: Path, **options: Any) -> None:
            write(self, file, **options)
            seen.append(path.exists())

        monkeypatch.setattr(ad.AnnData, "write_h5ad", watch)
        fit.save(path)
        assert seen == [False]
        assert path.exists()

    def test_a_folder_in_the_way(self, fit: Fit, tmp_path: Path) -> None:
        (tmp_path / "fit.h5ad").mkdir()
        with pytest.raises(engine.FitError, match="another path"):
            fit.save(tmp_path / "fit.h5ad")
        (tmp_path / "file").write_text("")
        with pytest.raises(engine.FitError, match="another path"):
            fit.save(tmp_path / "file" / "fit.h5ad")


class TestRefusals:
    def refuses(self, path: Path, words: str | None = None) -> None:
        with pytest.raises(engine.FitError, match=words) as error:
            engine.load(path)
        assert error.value.expected
        assert error.value.remedy

    def test_no_such_file(self, tmp_path: Path) -> None:
        self.refuses(tmp_path / "none.h5ad")

    def test_a_folder(self, tmp_path: Path) -> None:
        self.refuses(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(99)])
    def test_not_hdf5(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "fit.h5ad").write_bytes(content)
        self.refuses(tmp_path / "fit.h5ad")

    def test_an_anndata_that_is_no_fit(self, counts: Counts, tmp_path: Path) -> None:
        ad.AnnData(counts.matrix()).write_h5ad(tmp_path / "counts.h5ad")
        self.refuses(tmp_path / "counts.h5ad", "uns")

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_a_truncated_fit(self, fit: Fit, tmp_path: Path, share: float) -> None:
        path = fit.save(tmp_path / "fit.h5ad")
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        self.refuses(path)

    @pytest.mark.parametrize(
        "part",
        [
            "obsm/X_lnm",
            "varm/lnm_loadings",
            "var/lnm_noise",
            "var/lnm_reference",
            "obs/log_marginal",
            "uns/logratio/config",
            "uns/logratio/status",
            "uns/logratio/trace",
            "uns/logratio/format",
        ],
    )
    def test_a_fit_that_lacks_a_part(self, fit: Fit, tmp_path: Path, part: str) -> None:
        path = fit.save(tmp_path / "fit.h5ad")
        with h5py.File(path, "a") as file:
            del file[part]
        self.refuses(path)

    def test_settings_that_are_not_json(self, fit: Fit, tmp_path: Path) -> None:
        path = fit.save(tmp_path / "fit.h5ad")
        with h5py.File(path, "a") as file:
            del file["uns/logratio/config"]
            file["uns/logratio"].create_dataset("config", data="{")
            file["uns/logratio/config"].attrs.update(
                {"encoding-type": "string", "encoding-version": "0.2.0"}
            )
        self.refuses(path)

    def test_a_later_format(self, fit: Fit, tmp_path: Path) -> None:
        path = fit.save(tmp_path / "fit.h5ad")
        with h5py.File(path, "a") as file:
            file["uns/logratio/format"][()] = FORMAT + 1
        self.refuses(path, "Update Logratio")
