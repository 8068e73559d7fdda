"""What a check says of models that are right, of models that are wrong, and of bad input."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import islice

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import engine
from engine.checks import PredictiveCheck, predictive_check, predictive_check_iter
from engine.checks.predictive import replication
from engine.data import Counts
from engine.results import Totals
from tests.engine.checks.predictive.truth import draw, simulated, true_fit

pytestmark = pytest.mark.fit

BANDS = ["low_90", "low_50", "high_50", "high_90"]


def of(check: PredictiveCheck, discrepancy: str) -> pd.DataFrame:
    return check.genes[check.genes["discrepancy"] == discrepancy]


def test_p_values_are_uniform_where_the_model_is_true() -> None:
    """Genes that share no factor, so that they are independent but for the total."""
    adata = draw("lnm", loading_scale=0.0, cells=200, genes=150, mean_total=1500.0)
    counts = engine.read_counts(adata, genes="all")
    check = predictive_check(true_fit(adata, counts), counts, mode="population", totals="observed")
    for name in ("mean", "variance", "clr_variance"):
        values = of(check, name)["p_value"]
        assert len(values) > 140
        assert stats.kstest(values, "uniform").pvalue > 0.01, name
    assert check.findings == ()
    # Of residuals whose ranks are uniform, nine in ten levels lie within the band of 90 %.
    inside = check.residuals["observed"].between(check.residuals["low"], check.residuals["high"])
    assert 0.8 < inside.mean() < 0.98


@pytest.mark.parametrize("model", ["lnm", "lnmvcp"])
@pytest.mark.parametrize("mode", ["laplace", "population"])
def test_nothing_is_said_where_nothing_is_wrong(model: str, mode: str) -> None:
    fit, counts = simulated(model)
    check = predictive_check(fit, counts, mode=mode, totals="model")
    assert check.findings == ()
    # One gene in a while is to be expected of five statistics that allow for 5 % of false finds.
    assert len(check.misfits) <= 1
    assert check.total_statistics is not None
    assert (check.total_statistics["p_value"] > 0.01).all()
    assert (check.n_cells, check.n_without_counts, check.n_failed) == (counts.n_cells, 0, 0)


def test_nothing_is_said_of_fitted_topics() -> None:
    fit, counts = simulated("lda")
    check = predictive_check(fit, counts)
    assert check.findings == ()
    assert check.totals is None
    assert check.total_statistics is None
    # A mean is what topics are fitted to: draws lie about it closely.
    assert (of(check, "mean")["p_value"] > 0.3).all()


def test_draws_have_the_means_of_a_posterior() -> None:
    """Where the slope in mu is zero, expected counts of a gene add up to the observed ones."""
    counts = simulated("lnm")[1]
    check = predictive_check(engine.fit(counts, engine.LNMConfig(n_factors=2)), counts)
    means = of(check, "mean")
    error = (means["high_90"] - means["low_90"]) / 3.3 / np.sqrt(check.settings.n_draws)
    assert ((means["observed"] - means["predicted"]).abs() < 5 * error).all()


def test_missing_residual_variance_is_found() -> None:
    counts = engine.read_counts(draw("lnm", noise=0.5, noise_spread=0.1), genes="all")
    fit = engine.fit(counts, engine.LNMConfig(n_factors=2, d_mode="low_rank"))
    found = predictive_check(fit, counts).findings
    variance = [words for words in found if words.startswith("Variance underpredicted")]
    assert len(variance) == 1
    assert "Residual d: learned" in variance[0]
    assert not any("lower the number" in words for words in found)


def test_too_few_factors_are_found() -> None:
    adata = draw("lnm", factors=4, loading_scale=0.8, noise=0.05)
    counts = engine.read_counts(adata, genes="all")
    for k in (2, 4):
        fit = engine.fit(counts, engine.LNMConfig(n_factors=k))
        found = predictive_check(fit, counts, mode="population").findings
        correlation = [words for words in found if words.startswith("Correlation")]
        if k == 4:
            assert correlation == []
        else:
            assert "raise the number of factors (now 2)" in correlation[0]


def test_zero_inflation_is_found() -> None:
    adata = draw("lnm", mean_total=1000.0)
    values = adata.X.toarray()
    hit = np.argsort(-values[:, :-1].mean(0))[:8]
    values[:, hit] *= np.random.default_rng(1).random((len(values), 8)) > 0.5
    counts = engine.read_counts(
        ad.AnnData(sparse.csr_matrix(values), obs=adata.obs, var=adata.var), genes="all"
    )
    fit = engine.fit(counts, engine.LNMConfig(n_factors=2))
    check = predictive_check(fit, counts)
    (words,) = check.findings
    assert words.startswith("Share of zeros underpredicted for 8 genes")
    assert "drop-out" in words
    zeros = check.misfits[check.misfits["discrepancy"] == "zero_fraction"]
    assert set(zeros["gene"]) == set(adata.var_names[hit])
    assert check.genes["gene"][0] in set(adata.var_names[hit])


def test_totals_that_vary_too_little_are_found() -> None:
    fit, counts = simulated("lnm")
    tight = replace(fit, totals=Totals(float(counts.totals.mean()), 100.0))
    (words,) = predictive_check(tight, counts).findings
    assert words.startswith("Total counts vary more")


def test_an_anchored_prior_is_told_of_and_not_blamed_on_factors() -> None:
    """Each cell's total is used in it twice."""
    adata = draw("lnmvcp", cells=400, genes=40, mean_total=800.0, molecules=2e5)
    counts = engine.read_counts(adata, genes="all")
    config = engine.LNMConfig(n_factors=2, capture=True, block_cells=100, capture_prior="anchored")
    fit = engine.fit(counts, config)
    assert predictive_check(fit, counts, mode="population").findings == ()
    (words,) = predictive_check(fit, counts).findings
    assert words.startswith("Total counts are not as drawn: the anchored prior")
    *genes, last = predictive_check(fit, counts, totals="model").findings
    assert last == words
    assert genes
    assert all(sentence.endswith("check with Totals: as observed.") for sentence in genes)


def test_modes_at_the_mode_and_with_uncertainty() -> None:
    """Draws at the mode spread less; observed data are the same to both."""
    fit, counts = simulated("lnm")
    at_mode, given = (predictive_check(fit, counts, mode=mode) for mode in ("map", "laplace"))
    keys = ["gene", "discrepancy"]
    both = at_mode.genes.merge(given.genes, on=keys, suffixes=("", "_given"))
    np.testing.assert_array_equal(both["observed"], both["observed_given"])
    clr = both[both["discrepancy"] == "clr_variance"]
    assert (clr["predicted"] < clr["predicted_given"]).mean() > 0.9
    assert all("mode" in words for words in at_mode.findings)


def test_tables_are_of_the_counts() -> None:
    fit, counts = simulated("lnm")
    names = list(fit.genes[[5, 2]])
    check = predictive_check(fit, counts, genes=names, n_draws=40)
    matrix = counts.block(0, counts.n_cells)
    real = fit.genes[fit.is_gene]
    observed = check.genes.pivot(index="gene", columns="discrepancy", values="observed").loc[real]
    own = matrix[:, fit.is_gene]
    np.testing.assert_allclose(observed["mean"], own.mean(0), rtol=1e-6)
    np.testing.assert_allclose(observed["variance"], own.var(0, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(observed["zero_fraction"], (own == 0).mean(0))
    np.testing.assert_array_equal(observed["max"], own.max(0))
    logs = np.log(matrix.astype(float) + 0.5)
    clr = (logs - logs.mean(1, keepdims=True))[:, fit.is_gene]
    np.testing.assert_allclose(observed["clr_variance"], clr.var(0, ddof=1), rtol=1e-4)

    table = check.distributions
    assert set(table["gene"]) == set(names)
    for column, name in zip((5, 2), names, strict=True):
        bins = table[table["gene"] == name]
        expected = [
            ((matrix[:, column] >= low) & (matrix[:, column] < high)).sum()
            for low, high in zip(bins["low"], bins["high"], strict=True)
        ]
        np.testing.assert_array_equal(bins["observed"], expected)
        assert bins["predicted"].sum() == pytest.approx(counts.n_cells)
        assert bins["ecdf_observed"].iloc[-1] == 1
        assert (np.diff(bins["ecdf_predicted"]) >= 0).all()
    shares = matrix[:, [5, 2]] / matrix.sum(1, keepdims=True)
    levels = np.log1p(shares * np.median(counts.totals))
    assert len(check.pairs) == 1
    assert check.pairs["observed"][0] == pytest.approx(np.corrcoef(levels.T)[0, 1], rel=1e-5)
    assert check.totals is not None
    assert check.totals["observed"].sum() == counts.n_cells
    for bands in (check.genes, check.pairs, table, check.totals):
        assert (np.diff(bands[BANDS].to_numpy(), axis=1) >= 0).all()
    assert check.genes["q_value"].is_monotonic_increasing


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, counts = simulated("lnm")
    arguments = {"n_draws": 30, "mode": "population"}
    whole = predictive_check(fit, counts, **arguments)
    monkeypatch.setattr(replication, "_HELD", 31 * counts.n_genes * 7)
    monkeypatch.setattr(replication, "_MOST_THREADS", 1)
    pieces = predictive_check(fit, counts, **arguments)
    for name in ("distributions", "residuals", "totals"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(pieces, name))
    pd.testing.assert_frame_equal(whole.pairs, pieces.pairs, rtol=1e-6)
    for name in ("mean", "variance", "zero_fraction", "max"):
        pd.testing.assert_frame_equal(of(whole, name), of(pieces, name), rtol=1e-9)
    # Logarithms are added up in single precision within a block, so that a draw which all but
    # ties with what was observed may change sides: a p-value is a rank among 31 data sets.
    one, other = (of(check, "clr_variance").set_index("gene") for check in (whole, pieces))
    other = other.loc[one.index]
    ranked = ["p_value", "q_value"]
    pd.testing.assert_frame_equal(one.drop(columns=ranked), other.drop(columns=ranked), rtol=1e-4)
    assert (one["p_value"] - other["p_value"]).abs().max() < 2.01 / 31
    new = predictive_check(fit, counts, **arguments, seed=1)
    assert not np.allclose(of(whole, "mean")["predicted"], of(new, "mean")["predicted"])


def test_cells_without_counts_are_left_out() -> None:
    fit, counts = simulated("lnm")
    # What is left is as many cells as other files check: one compilation serves.
    matrix = counts.block(0, 122)
    matrix[[3, 20]] = 0
    emptied = Counts.from_arrays(matrix, counts.genes, counts.cells[:122])
    check = predictive_check(fit, emptied, n_draws=20)
    assert (check.n_cells, check.n_without_counts) == (120, 2)


def test_it_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, counts = simulated("lnm")
    # Ten cells at a time: what is under way when it stops is soon done.
    monkeypatch.setattr(replication, "_HELD", 201 * counts.n_genes * 10)
    steps = predictive_check_iter(fit, counts, n_draws=200, mode="population")
    seen = list(islice(steps, 3))
    steps.close()
    assert seen[0].fraction == 0
    assert all(step.check is None and step.fraction < 1 for step in seen)
    *_, last = predictive_check_iter(fit, counts, n_draws=20)
    assert last.fraction == 1
    assert last.check is not None


def test_memory_does_not_grow_with_cells_genes_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, counts = simulated("lnm")
    monkeypatch.setattr(replication, "_HELD", 2**15)
    monkeypatch.setattr(replication, "_MOST_THREADS", 1)
    arguments = {"mode": "population", "n_draws": 200, "genes": [fit.genes[0]]}
    # What is made once, and kept.
    predictive_check(fit, counts, **(arguments | {"n_draws": 20}))
    tracemalloc.start()
    predictive_check(fit, counts, **arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Of all replicates, 4 bytes each; statistics per gene and draw take a few megabytes.
    assert peak < 4 * counts.n_cells * counts.n_genes * 200 / 1.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_draws": 19}, "n_draws"),
        ({"n_draws": 5000}, "n_draws"),
        ({"mode": "exact"}, "mode"),
        ({"totals": "mine"}, "totals"),
        ({"seed": -1}, "seed"),
        ({"genes": []}, "genes in detail"),
        ({"genes": ["nobody"]}, "unknown"),
        ({"cells": np.ones(3, bool)}, "mask"),
        ({"cells": np.array([10_000])}, "mask"),
        ({"cells": np.array([0.5])}, "mask"),
        ({"cells": np.zeros(300, bool)}, "two cells"),
        ({"groups": np.array(["a"])}, "labels"),
        ({"groups": np.arange(300)}, "groups"),
    ],
)
def test_bad_input(arguments: dict[str, object], words: str) -> None:
    fit, counts = simulated("lnm")
    with pytest.raises(engine.EngineError, match=words):
        predictive_check(fit, counts, **arguments)


def test_other_genes_and_models() -> None:
    fit, counts = simulated("lnm")
    fewer = Counts.from_arrays(counts.block(0, 9)[:, 1:], counts.genes[1:], counts.cells[:9])
    with pytest.raises(engine.DataError, match="missing"):
        predictive_check(fit, fewer)
    topics, their = simulated("lda")
    with pytest.raises(engine.ConfigError, match="LDA"):
        predictive_check(topics, their, totals="model")
