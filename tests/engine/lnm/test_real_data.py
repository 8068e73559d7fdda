"""Real counts: short fits converge, and what they find is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

import engine
from engine.results import Fit
from tests.compiling import compiled_quickly
from tests.engine.problems import clr_agreement

pytestmark = pytest.mark.fit


def separated(fit: Fit, labels: pd.Series) -> float:
    """Cross-validated share of cells whose label their scores tell."""
    return float(cross_val_score(LogisticRegression(max_iter=500), fit.scores, labels, cv=5).mean())


@pytest.fixture(scope="module")
def demo() -> engine.Counts:
    return engine.read_counts("demo", genes=150)


@pytest.fixture(scope="module")
def demo_fit(demo: engine.Counts) -> Fit:
    return engine.fit(demo, engine.LNMConfig(n_factors=5))


def test_the_demo_converges(demo_fit: Fit) -> None:
    assert demo_fit.status.state == "converged"
    assert demo_fit.status.n_failed_cells == 0
    assert demo_fit.status.passes < 80
    trace = demo_fit.trace["log_marginal_per_cell"].to_numpy()
    assert trace[-1] > trace[0]
    # It settles and does not oscillate; the prior may take a little of the likelihood back.
    assert trace[-1] >= trace.max() - 0.5


def test_its_scores_tell_the_cell_types(demo_fit: Fit) -> None:
    labels = demo_fit.obs["bulk_labels"].astype(str)
    common = labels.isin(labels.value_counts().index[labels.value_counts() >= 30])
    chance = labels[common].value_counts(normalize=True).max()
    fit = replace(demo_fit, scores=demo_fit.scores[common.to_numpy()])
    assert separated(fit, labels[common]) > max(0.7, 2 * chance)


def test_another_seed_finds_the_same(demo: engine.Counts, demo_fit: Fit) -> None:
    other = engine.fit(demo, engine.LNMConfig(n_factors=5, seed=3))
    assert other.log_marginal_per_cell == pytest.approx(demo_fit.log_marginal_per_cell, abs=0.1)
    assert clr_agreement(other, demo_fit) > 0.995


def test_float64_finds_the_same(demo: engine.Counts, demo_fit: Fit) -> None:
    with compiled_quickly():
        other = engine.fit(demo, engine.LNMConfig(n_factors=5, precision="float64"))
    assert other.log_marginal_per_cell == pytest.approx(demo_fit.log_marginal_per_cell, abs=0.02)
    assert clr_agreement(other, demo_fit) > 0.999


def test_its_capture_efficiencies(demo: engine.Counts) -> None:
    # As many factors as the other fits of these counts have, so one program.
    config = engine.LNMConfig(capture=True, n_factors=5, max_passes=4)
    fit = engine.fit(demo, config)
    assert fit.capture is not None
    assert ((fit.capture.efficiency > 0) & (fit.capture.efficiency < 0.2)).all()
    assert np.corrcoef(np.log(fit.capture.efficiency), np.log(demo.library_size))[0, 1] > 0.9


def test_cell_lines_of_sc_mixology(shared_data: Path, demo: engine.Counts) -> None:
    path = shared_data / "sc_mixology_500.h5ad"
    if not path.exists():
        pytest.skip("no sc_mixology_500.h5ad beside the project")
    counts = engine.read_counts(path, genes=150)
    # As many cells as the demo has, so one program.
    counts = counts.take(np.linspace(0, counts.n_cells - 1, demo.n_cells).astype(int))
    fit = engine.fit(counts, engine.LNMConfig(n_factors=5))
    assert fit.status.state == "converged"
    assert fit.status.n_failed_cells == 0
    assert separated(fit, fit.obs["cell_line"].astype(str)) > 0.95


def test_microbes(shared_data: Path) -> None:
    """Counts in the thousands on logits that spread by several nats: float32 must hold."""
    path = shared_data / "agp_otu.h5ad"
    if not path.exists():
        pytest.skip("no agp_otu.h5ad beside the project")
    counts = engine.read_counts(path, genes=60)
    config = engine.LNMConfig(n_factors=3, max_passes=25)
    single = engine.fit(counts, config)
    with compiled_quickly():
        exact = engine.fit(counts, replace(config, precision="float64"))
    assert single.status.n_failed_cells <= 0.01 * counts.n_cells
    assert single.log_marginal_per_cell == pytest.approx(exact.log_marginal_per_cell, abs=0.5)
