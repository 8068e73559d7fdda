from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pytest

import engine
from engine.data import Counts, simulate


@dataclass(frozen=True)
class Simulated:
    """Counts drawn from known topics (F, K) and proportions (C, K)."""

    data: ad.AnnData
    counts: Counts
    topics: np.ndarray
    proportions: np.ndarray


def draw(cells: int, genes: int, topics: int, seed: int, mean_total: float = 1500) -> Simulated:
    adata = simulate(
        "lda", cells=cells, genes=genes, factors=topics, seed=seed, mean_total=mean_total
    )
    # A few genes may have no count at all.
    counts = engine.read_counts(adata, genes="all")
    kept = adata.var_names.get_indexer(counts.genes)
    topics = np.asarray(adata.varm["true_topics"])[kept]
    return Simulated(adata, counts, topics, adata.obsm["true_proportions"])


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    """403 cells x 150 genes from four topics."""
    return draw(403, 150, 4, seed=1)


@pytest.fixture(scope="session")
def em_fit(simulated: Simulated) -> engine.TopicFit:
    return engine.fit(simulated.counts, engine.LDAConfig(n_topics=4))
