"""Pairs of genes that a fit misses, on counts whose correlations are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine import checks
from engine.checks import MissedPairs, ResidualStructure
from engine.checks.predictive.check import PredictiveCheck
from engine.data import Counts
from engine.errors import DataError
from engine.jobs import checking
from tests.engine.checks.predictive.truth import simulated

pytestmark = pytest.mark.fit


def paired(model: str) -> tuple[list[str], Counts]:
    """Counts of which two genes are mostly copies of each other, and those genes."""
    _, counts = simulated(model)
    matrix = counts.block(0, counts.n_cells).copy()
    real = np.flatnonzero(counts.genes != "_other")
    one, other = real[np.argsort(-matrix[:, real].sum(0))[[3, 4]]]
    scale = matrix[:, other].sum() / matrix[:, one].sum()
    matrix[:, other] = np.random.default_rng(0).poisson(scale * matrix[:, one])
    names = [str(counts.genes[one]), str(counts.genes[other])]
    return names, Counts.from_arrays(matrix, counts.genes, counts.cells)


@pytest.mark.parametrize("model", ["lnm", "lda"])
def test_the_right_model_misses_nothing(model: str) -> None:
    fit, counts = simulated(model)
    found = checks.missed_pairs(fit, counts)
    assert found.n_missed == 0
    assert found.words == ""
    assert found.genes(40) == []
    assert not found.table["misfit"].any()
    # The choice of the largest of all pairs is allowed for.
    table = found.table
    assert table["p_value"].iloc[0] > 0.003
    assert table["observed"].between(table["low_90"], table["high_90"]).mean() > 0.9
    # One gene is in too few cells.
    assert (found.n_cells, found.n_genes) == (300, 59)


@pytest.mark.parametrize("model", ["lnm", "lda"])
def test_one_pair_of_all_is_found(model: str) -> None:
    """No factor carries it, and neither of its genes is among those that are shown anyway."""
    fit, _ = simulated(model)
    names, counts = paired(model)
    found = checks.missed_pairs(fit, counts)
    first = found.table.iloc[0]
    assert {first["gene"], first["other"]} == set(names)
    assert first["observed"] - first["predicted"] > 0.3
    assert set(found.genes(2)) == set(names)
    latents = "factors" if model == "lnm" else "topics"
    assert f"beyond the 2 {latents}: " in found.words
    assert f"Take more {latents};" in found.words
    assert checks.genes_to_show(fit, [str(fit.genes[0])], missed=found)[1:3] == found.genes(2)
    points = checks.missed_points(found)
    assert points["misfit"].sum() == min(found.n_missed, len(points))
    # Told after what all genes share, before all else.
    structure = ResidualStructure(2, 300, 3.0, 0.9, 0.05, ("A",), (), "batch", 0.7)
    check = check_of(fit, counts)
    told = checking.finding_first(check, structure, found)
    assert told.findings == (structure.words, found.words, *check.findings)
    assert told.missed is found
    assert told.summary()["missed"]["missed"] == found.n_missed
    assert checking.finding_first(check, None, None).findings == check.findings


def check_of(fit: object, counts: Counts) -> PredictiveCheck:
    return checks.predictive_check(fit, counts, n_draws=20, mode="map", genes=[counts.genes[0]])


def test_cells_are_chosen_and_too_few_are_refused() -> None:
    fit, counts = simulated("lnm")
    mask = np.arange(counts.n_cells) < 100
    found = checks.missed_pairs(fit, counts, cells=mask)
    assert found.n_cells == 100
    one, same = checks.missed_pairs(fit, counts, cells=mask), found
    np.testing.assert_array_equal(one.table["observed"], same.table["observed"])
    with pytest.raises(DataError, match="20 cells"):
        checks.missed_pairs(fit, counts, cells=np.arange(counts.n_cells) < 9)
    with pytest.raises(DataError, match="10 genes that 20 cells have"):
        checks.missed_pairs(fit, emptied(counts))


def emptied(counts: Counts) -> Counts:
    matrix = counts.block(0, counts.n_cells).copy()
    matrix[:, 1:] = 0
    matrix[:, 0] = 1
    return Counts.from_arrays(matrix, counts.genes, counts.cells)


def test_rare_genes_prove_nothing() -> None:
    """A single count of each in one cell would correlate perfectly."""
    fit, counts = simulated("lnm")
    matrix = counts.block(0, counts.n_cells).copy()
    matrix[:, :8] = 0
    matrix[7, :8] = 1
    found = checks.missed_pairs(fit, Counts.from_arrays(matrix, counts.genes, counts.cells))
    assert found.n_missed == 0


def test_words_count_and_name() -> None:
    rows = {
        "gene": ["HLA-A", "C"],
        "other": ["B", "D"],
        "observed": [-0.5, 0.1],
        "predicted": [0.0, 0.1],
        "misfit": [True, False],
    }
    found = MissedPairs("factors", 3, 100, 5, 1, pd.DataFrame(rows))
    assert found.words == (
        "Residuals of 1 of 10 pairs of genes are correlated beyond the 3 factors: HLA-A and B "
        "(−0.50, of draws 0.00). Take more factors; what this fit says of these pairs does not "
        "hold."
    )
    # Nobody is sent for more of what the counts were found to tell no more of.
    given = replace(found, latents="topics", size_chosen=True)
    assert "More topics predict held-out counts no better; what" in given.words
    assert "Take more" not in given.words
