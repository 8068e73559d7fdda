from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine import checks
from engine.checks import PredictiveCheck
from engine.checks.predictive.subsets import genes_to_show
from tests.engine.checks.predictive.truth import simulated


@pytest.fixture(scope="module")
def check() -> PredictiveCheck:
    fit, counts = simulated("lnm")
    cells = np.arange(120)
    groups = np.where(np.arange(counts.n_cells) % 2, "odd", "even")
    return checks.predictive_check(fit, counts, n_draws=20, cells=cells, groups=groups)


def test_points_of_genes_have_their_observed_mean(check: PredictiveCheck) -> None:
    _, counts = simulated("lnm")
    dense = counts.block(0, 120)[:, np.asarray(counts.genes != "_other")]
    genes = counts.genes[counts.genes != "_other"]
    points = checks.gene_points(check.genes, "zero_fraction", "all cells").set_index("gene")
    assert len(points) == len(genes)
    np.testing.assert_allclose(points.loc[genes, "mean"], dense.mean(0), rtol=1e-6)
    np.testing.assert_allclose(points.loc[genes, "observed"], (dense == 0).mean(0), rtol=1e-6)
    odd = checks.gene_points(check.genes, "variance", "odd").set_index("gene")
    np.testing.assert_allclose(odd.loc[genes, "observed"], dense[1::2].var(0, ddof=1), rtol=1e-5)


def test_misfits_are_those_of_the_check(check: PredictiveCheck) -> None:
    off = check.genes.copy()
    far = off["discrepancy"] == "variance"
    off.loc[far, "q_value"] = 1e-9
    off.loc[far, "observed"] = 9 * off.loc[far, "predicted"] + 1
    points = checks.gene_points(off, "variance", "even")
    assert points["misfit"].all()
    table = checks.misfit_table(off, "even")
    assert set(table.loc[table["misfit"], "discrepancy"]) == {"variance"}
    assert table["misfit"].sum() == len(points)
    pairs = checks.pair_points(check.pairs, "even")
    assert (pairs["group"] == "even").all()
    near = pairs.assign(q_value=0.0, observed=pairs["predicted"] + 0.05)
    assert not checks.pair_points(near, "even")["misfit"].any()
    assert checks.pair_points(near.assign(observed=0.2 + near["predicted"]), "even")["misfit"].all()


def test_bars_hang_from_what_is_predicted() -> None:
    bins = pd.DataFrame(
        {
            "group": "all cells",
            "gene": "A",
            "low": [0, 16, 20],
            "high": [1, 20, 25],
            "observed": [16.0, 4.0, 0.0],
            "predicted": [9.0, 9.0, 0.01],
            "low_90": [4.0, 9.0, 0.0],
            "low_50": [9.0, 9.0, 0.0],
            "high_50": [9.0, 9.0, 0.0],
            "high_90": [16.0, 9.0, 0.0],
        }
    )
    found = checks.count_bars(bins, "all cells", ["B", "A"], "rootogram")
    # the last bin, in which hardly any draw has a cell, is left out
    # and a bin of four counts is no bump
    assert found["line"].tolist() == [3, 1.5]
    # more than predicted ends below zero, fewer above
    assert found["seen"].tolist() == [-1, 0.5]
    assert found.iloc[0][["low_90", "low_50", "high_50", "high_90"]].tolist() == [-1, 0, 0, 1]
    assert found["range"].tolist() == ["0", "16–19"]
    assert found["observed"].tolist() == [16, 4]
    assert not len(checks.count_bars(bins, "other", ["A"], "rootogram"))


def test_bars_are_of_the_counts(check: PredictiveCheck) -> None:
    _, counts = simulated("lnm")
    gene = str(check.distributions["gene"].iloc[0])
    own = counts.block(0, 120)[:, counts.genes.get_loc(gene)]
    roots = checks.count_bars(check.distributions, "all cells", [gene], "histogram")
    ends = roots["range"].str.split("–").str[-1].str.replace(",", "").astype(float)
    assert ((roots["seen"] ** 2) * ends.diff().fillna(1)).sum() == pytest.approx(120)
    assert roots["seen"].iloc[0] ** 2 == pytest.approx((own == 0).sum())
    shares = checks.count_bars(check.distributions, "all cells", [gene], "ecdf")
    assert shares["seen"].iloc[0] == pytest.approx((own == 0).mean())
    assert shares["seen"].iloc[-1] == pytest.approx(1.0)
    assert (shares["low_90"] <= shares["high_90"]).all()


def test_genes_to_show_are_chosen_bad_and_telling(check: PredictiveCheck) -> None:
    fit, _ = simulated("lnm")
    last = str(check.genes["gene"].iloc[-1])
    names = genes_to_show(fit, [last], check.genes)
    assert names[:2] == [last, str(check.genes["gene"].iloc[0])]
    assert len(set(names)) == len(names)


def test_even_counts_make_an_even_histogram() -> None:
    """Where bins widen there are more cells in a bin, and no more at any count."""
    edges = np.array([14, 15, 16, 18, 20, 24])
    width = np.diff(edges)
    draws = dict.fromkeys(["low_90", "low_50", "high_50", "high_90"], 9.0 * width)
    bins = pd.DataFrame(
        {"group": "all", "gene": "A", "low": edges[:-1], "high": edges[1:]}
        | {"observed": 9.0 * width, "predicted": 9.0 * width}
        | draws
    )
    for kind, seen in (("histogram", 3), ("rootogram", 0)):
        found = checks.count_bars(bins, "all", ["A"], kind)  # type: ignore[arg-type]
        assert found["seen"].tolist() == [seen] * 5
        assert found["line"].tolist() == [3] * 5
        # What is told on hovering are the cells themselves.
        assert found["observed"].tolist() == (9.0 * width).tolist()
