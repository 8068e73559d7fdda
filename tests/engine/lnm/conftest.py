from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

import engine
from engine.data import Counts, simulate, true_clr_correlation
from engine.results import Fit


@dataclass(frozen=True)
class Simulated:
    counts: Counts
    truth: pd.DataFrame
    noise: pd.Series
    config: engine.LNMConfig
    fit: Fit


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    """800 cells x 80 genes from three factors, and their fit."""
    adata = simulate("lnm", cells=800, genes=80, factors=3, seed=5)
    counts = engine.read_counts(adata, genes="all")
    config = engine.LNMConfig(n_factors=3)
    return Simulated(
        counts,
        true_clr_correlation(adata),
        adata.var["true_noise"],
        config,
        engine.fit(counts, config),
    )


@pytest.fixture(scope="session")
def small() -> Counts:
    """120 cells x 16 genes: for whole fits in float64, where time goes to compilation."""
    adata = simulate("lnm", cells=120, genes=16, factors=2, seed=3, mean_total=800)
    return engine.read_counts(adata, genes="all")


@pytest.fixture(scope="session")
def small_config() -> engine.LNMConfig:
    return engine.LNMConfig(n_factors=2, precision="float64", tolerance=1e-6)


@pytest.fixture(scope="session")
def small_fit(small: Counts, small_config: engine.LNMConfig) -> Fit:
    return engine.fit(small, small_config)
