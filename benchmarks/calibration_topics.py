"""Local false sign rates of the genes of topics, where topics are known or there is only one.

Part of ``python -m benchmarks.calibration``. Topics share most of their genes' frequencies: a fifth
of the genes are raised or lowered in each. Of one topic all lifts are 1: every claim is false.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import anndata as ad
import numpy as np

import engine
from engine import checks
from engine.checks.quality import paired
from engine.lda.mixtures import count_shares

CLAIMED, FITTED = 0.05, 5
# Of the genes, those that a topic has otherwise, and by how much (log).
_OTHERWISE, _CHANGE = 0.2, 1.0
_ALPHA = 0.3


class Kind(NamedTuple):
    """A truth: cells, genes, mean counts of a cell, topics."""

    cells: int
    genes: int
    depth: int
    topics: int


KINDS = (
    Kind(600, 200, 1000, 1),
    Kind(600, 200, 100, 1),
    Kind(300, 1000, 300, 1),
    Kind(600, 200, 1000, 5),
    Kind(600, 200, 200, 5),
    Kind(600, 1000, 300, 5),
)


def topics(arguments: argparse.Namespace) -> None:
    """What is claimed of the lifts of genes in five topics, and how much of it is wrong."""
    print("| data | true topics | sets | claimed % | wrong % | told % |\n|" + " --- |" * 6)
    for kind in KINDS:
        rows = np.concatenate([_rows(kind, seed, arguments) for seed in range(arguments.looked)])
        claimed = rows[:, 0] < CLAIMED
        wrong, told = (
            (rows[claimed, 1].mean(), rows[claimed, 0].mean()) if claimed.any() else (0, 0)
        )
        shown = f"{100 * claimed.mean():.2f} | {100 * wrong:.2f} | {100 * told:.2f}"
        of = f"{kind.cells} x {kind.genes}, {kind.depth:,} counts a cell"
        print(f"| {of} | {kind.topics} | {arguments.looked} | {shown} |", flush=True)


def _rows(kind: Kind, seed: int, arguments: argparse.Namespace) -> np.ndarray:
    """(n, 2): the rate that is told of each gene and topic, and whether its sign is wrong."""
    rng = np.random.default_rng(seed)
    shape = kind.genes, kind.topics
    changed = (rng.random(shape) < _OTHERWISE) * rng.normal(0, _CHANGE, shape)
    true = np.exp(rng.normal(0, 1.2, kind.genes)[:, None] + changed)
    true /= true.sum(0)
    shares = rng.dirichlet(np.full(kind.topics, _ALPHA), kind.cells)
    size = rng.gamma(8, kind.depth / 8, kind.cells)
    data = ad.AnnData(rng.poisson(size[:, None] * (shares @ true.T)).astype(np.float32))
    data.var_names = [f"gene {one}" for one in range(kind.genes)]
    counts = engine.read_counts(data, genes="all")
    fit = engine.fit(counts, engine.LDAConfig(n_topics=FITTED))
    found = checks.topic_bootstrap(fit, counts, n_boot=arguments.n_boot)
    true = true[data.var_names.get_indexer(fit.genes[fit.is_gene])]
    if kind.topics > 1:
        true = true[:, paired(fit.topics[fit.is_gene], true)[0]]
    rows = []
    for topic in range(FITTED):
        sign = np.sign(_log_ratio(fit.topics[fit.is_gene], count_shares(fit), topic))
        wrong = np.ones(len(sign), bool)
        if kind.topics > 1:
            wrong = sign * _log_ratio(true, count_shares(fit), topic) <= 0
        rows.append(np.stack([found.lfsr(fit, topic)[fit.is_gene], wrong], -1))
    return np.concatenate(rows)


def _log_ratio(topics: np.ndarray, made: np.ndarray, topic: int) -> np.ndarray:
    others = np.where(np.arange(len(made)) == topic, 0, made)
    return np.asarray(np.log(topics[:, topic] / (topics @ others / others.sum())))
