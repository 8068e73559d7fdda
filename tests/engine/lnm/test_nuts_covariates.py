"""Covariates by NUTS: what it agrees in with the nested Laplace fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine.results import Fit
from tests.engine.grouped import Grouped, grouped

pytestmark = pytest.mark.fit

LAPLACE = engine.LNMConfig(n_factors=2, formula="~ batch", loadings_scale=0.4)
NUTS = replace(LAPLACE, inference="nuts", n_warmup=100, n_draws=100, n_chains=2, seed=1)


@pytest.fixture(scope="module")
def data() -> Grouped:
    """80 cells of two batches, half of whose genes are shifted."""
    labels = pd.DataFrame({"batch": np.arange(80) % 2 == 0})
    return grouped(labels, genes=12, effect=1.2, seed=3)


@pytest.fixture(scope="module")
def fits(data: Grouped) -> tuple[Fit, Fit]:
    laplace = engine.fit(data.counts, LAPLACE)
    *_, last = engine.fit_iter(data.counts, NUTS, start=laplace)
    assert last.snapshot is not None
    return laplace, last.snapshot()


def test_effects(data: Grouped, fits: tuple[Fit, Fit], tmp_path: Path) -> None:
    """Those of the batch, as Laplace has them and as they are, and none of it in the scores."""
    laplace, nuts = fits
    (one,), (other,) = laplace.coefficients, nuts.coefficients
    away = np.abs(nuts.effects - laplace.effects)[:, 0] / other.error
    assert away.mean() < 0.4
    np.testing.assert_array_equal(other.value, nuts.effects[:, 0])
    assert np.median(other.error / one.error) == pytest.approx(0.9, abs=0.35)
    assert (np.abs(other.value - data.effects) < 2.6 * other.error).mean() > 0.8
    # 40 cells of each batch differ in their scores as well.
    known = [np.corrcoef(fit.effects[:, 0], data.effects)[0, 1] for fit in (nuts, laplace)]
    assert known[0] > max(0.7, known[1] - 0.05)
    assert set(engine.coefficients(nuts)["unit"]) == {"cell"}
    batch = data.counts.obs["batch"].to_numpy(float)
    assert max(np.corrcoef(batch, z)[0, 1] ** 2 for z in nuts.scores.T) < 0.01
    np.testing.assert_allclose(nuts.effects.sum(0), 0, atol=1e-9)
    assert "effects" in nuts.diagnostics["quantities"]
    assert nuts.diagnostics["worst_rhat"] < 1.15
    read = engine.load(nuts.save(tmp_path / "nuts.h5ad"))
    assert isinstance(read, Fit)
    assert read.design == laplace.design
    np.testing.assert_array_equal(read.effects, nuts.effects)


def test_cells_are_placed_with_their_covariates(data: Grouped, fits: tuple[Fit, Fit]) -> None:
    _, nuts = fits
    placed = engine.transform(nuts, data.counts)
    np.testing.assert_array_equal(placed.log_marginal, nuts.log_marginal)
    assert (np.abs(placed.scores - nuts.scores) / nuts.scores_sd).mean() < 0.3
