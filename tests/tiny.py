"""One small problem for every test of wiring: of one shape, so that its programs compile once.

What a fit finds is tested on problems of a test's own (`tests.engine.problems`); what happens
around a fit (files, queue, shell, page) is tested on this one.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import anndata as ad

import engine
from engine.data import Counts, DataRequest, simulate
from engine.registry import Config
from engine.results import AnyFit

CELLS, GENES, FACTORS = 80, 20, 2

# Few passes: nothing of what a test of wiring looks at depends on how good a fit is.
LNM = engine.LNMConfig(n_factors=FACTORS, seed=1, max_passes=5)
LNMVCP = engine.LNMConfig(n_factors=FACTORS, seed=1, max_passes=5, capture=True)
LDA = engine.LDAConfig(n_topics=FACTORS, seed=1, max_passes=5, n_starts=1)


def tiny_data(model: str = "lnm", seed: int = 2) -> ad.AnnData:
    """Counts drawn from a model with as many factors or topics as are fitted."""
    return simulate(model, cells=CELLS, genes=GENES, factors=FACTORS, seed=seed)


def tiny_file(folder: Path, model: str = "lnm", seed: int = 2) -> DataRequest:
    """A file of `tiny_data`, and what reads all of it."""
    path = folder / "sim.h5ad"
    tiny_data(model, seed).write_h5ad(path)
    return DataRequest(str(path), genes="all")


@cache
def tiny_counts(model: str = "lnm", seed: int = 2) -> Counts:
    """`tiny_data` as it is read; not to be changed."""
    return engine.read_counts(tiny_data(model, seed), genes="all")


@cache
def tiny_fit(config: Config = LNM) -> AnyFit:
    """A real fit of `tiny_counts`, made once; not to be changed."""
    return engine.fit(tiny_counts("lda" if config.model == "lda" else "lnm"), config)
