from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import Counts
from engine.results import load_counts
from tests.engine.problems import dense
from tests.engine.test_results import assert_equal
from tests.tiny import CELLS, GENES, LDA

pytestmark = pytest.mark.fit


@pytest.fixture(scope="module")
def counts() -> Counts:
    rng = np.random.default_rng(0)
    names = [*(f"gen-{g}" for g in range(GENES - 4)), "β-actin", "Ärmel/1", "遺伝子", "_other"]
    obs = pd.DataFrame(
        {
            "cell type": pd.Categorical(["T", "Ü-Zelle"] * (CELLS // 2)),
            "total_counts": np.arange(CELLS),
        }
    )
    topics = rng.dirichlet(np.full(GENES, 0.5), 2)
    shares = rng.dirichlet([0.5, 0.5], CELLS)
    matrix = rng.poisson(200 * shares @ topics) + (np.arange(GENES) == GENES - 1)
    return Counts.from_arrays(matrix, names, [f"zelle-ß-{c}" for c in range(CELLS)], obs=obs)


@pytest.fixture(scope="module", params=["em", "vae"])
def fit(request: pytest.FixtureRequest, counts: Counts) -> engine.TopicFit:
    config = replace(
        LDA,
        inference=request.param,
        topic_prior=[0.5, 1],
        max_passes=20,
        max_epochs=2,
        hidden=8,
    )
    return engine.fit(counts, config)


def test_every_field_comes_back(fit: engine.TopicFit, tmp_path: Path) -> None:
    read = engine.load(fit.save(tmp_path / "fit.h5ad"))
    assert isinstance(read, engine.TopicFit)
    for field in fields(engine.TopicFit):
        one, other = getattr(fit, field.name), getattr(read, field.name)
        if field.name == "obs":
            one = one.rename(columns={"total_counts": "total_counts_input"})
        if field.name == "encoder":
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
        else:
            assert_equal(one, other, field.name)
    assert (read.model, read.n_topics, read.n_factors) == ("lda", 2, 2)
    assert read.factor_names == ["topic 1", "topic 2"]
    assert read.is_gene.sum() == GENES - 1
    assert bool(read.encoder) == (fit.config.inference == "vae")


def test_a_read_fit_answers_as_the_fit_does(
    fit: engine.TopicFit, counts: Counts, tmp_path: Path
) -> None:
    read = engine.load(fit.save(tmp_path / "fit.h5ad"))
    assert isinstance(read, engine.TopicFit)
    for one, other in ((fit, read), (replace(fit, config=replace(fit.config, refine=False)),) * 2):
        pd.testing.assert_frame_equal(
            engine.topic_proportions(one, counts), engine.topic_proportions(other, counts)
        )
    assert engine.elbo(fit, counts) == engine.elbo(read, counts)


def test_where_things_are_in_the_file(fit: engine.TopicFit, counts: Counts, tmp_path: Path) -> None:
    path = fit.save(tmp_path / "fit.h5ad", counts.matrix())
    adata = ad.read_h5ad(path)
    assert adata.obsm["X_lda"].shape == (CELLS, 2)
    assert adata.varm["lda_topics"].shape == (GENES, 2)
    np.testing.assert_allclose(adata.varm["lda_topics"].sum(0), 1, rtol=1e-5)
    np.testing.assert_allclose(adata.obsm["X_lda"].sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(adata.X.toarray(), dense(counts))
    meta = adata.uns["logratio"]
    assert meta["model"] == "lda"
    assert json.loads(meta["config"])["topic_prior"] == [0.5, 1.0]
    columns = load_counts(path)
    assert columns is not None
    np.testing.assert_array_equal(columns.toarray(), dense(counts))


def test_nothing_in_it_is_pickled(fit: engine.TopicFit, tmp_path: Path) -> None:
    kinds: set[str] = set()
    with h5py.File(fit.save(tmp_path / "fit.h5ad")) as file:
        file.visititems(
            lambda _, item: kinds.add(item.dtype.kind) if isinstance(item, h5py.Dataset) else None
        )
    # Numbers, booleans and strings.
    assert kinds <= set("iufbOS")


def test_a_damaged_file_is_told(fit: engine.TopicFit, tmp_path: Path) -> None:
    path = fit.save(tmp_path / "fit.h5ad")
    with h5py.File(path, "a") as file:
        del file["varm/lda_topics"]
    with pytest.raises(engine.FitError, match=r"fit\.h5ad"):
        engine.load(path)
