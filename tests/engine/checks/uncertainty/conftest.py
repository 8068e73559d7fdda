from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import engine
from engine import checks
from engine.data import Counts, simulate, true_clr_correlation
from engine.results import Fit, TopicFit


@dataclass(frozen=True)
class Simulated:
    """Counts from two factors, their fit, and the true correlations of the real genes."""

    counts: Counts
    fit: Fit
    genes: np.ndarray
    truth: np.ndarray


@pytest.fixture(scope="session")
def simulated() -> list[Simulated]:
    return [_simulated(seed) for seed in range(3)]


def _simulated(seed: int) -> Simulated:
    data = simulate("lnm", cells=300, genes=60, factors=2, seed=seed, counts_per_gene=5.0)
    counts = engine.read_counts(data, genes="all")
    fit = engine.fit(counts, engine.LNMConfig(n_factors=2))
    genes = np.flatnonzero(fit.is_gene)
    names = fit.genes[genes]
    return Simulated(counts, fit, genes, true_clr_correlation(data).loc[names, names].to_numpy())


@pytest.fixture(scope="session")
def one(simulated: list[Simulated]) -> Simulated:
    return simulated[0]


@pytest.fixture(scope="session")
def by_delta(one: Simulated) -> checks.Uncertainty:
    return checks.uncertainty(one.fit, one.counts)


@pytest.fixture(scope="session")
def by_bootstrap(one: Simulated) -> checks.Uncertainty:
    return checks.bootstrap(one.fit, one.counts, n_boot=14)


@dataclass(frozen=True)
class Topics:
    counts: Counts
    fit: TopicFit


@pytest.fixture(scope="session")
def topics() -> Topics:
    counts = engine.read_counts(
        simulate("lda", cells=200, genes=50, factors=3, seed=2, mean_total=400), genes="all"
    )
    return Topics(counts, engine.fit(counts, engine.LDAConfig(n_topics=3, n_starts=1)))
