"""Topics of blood cells, against the peers that are at hand."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import NMF
from threadpoolctl import threadpool_limits

import engine
from engine.checks import score, set_aside
from engine.data import Counts
from engine.data.thinning import thin
from tests.engine.problems import dense, topic_match

pytestmark = pytest.mark.fit

TOPICS = 8


@pytest.fixture(scope="module")
def parts(shared_data: Path) -> tuple[Counts, Counts]:
    adata = ad.read_h5ad(shared_data / "pbmc3k.h5ad")
    counts = sparse.csr_matrix(adata.X if adata.raw is None else adata.raw.X)
    names = adata.var_names if adata.raw is None else adata.raw.var_names
    totals = np.asarray(counts.sum(1)).ravel()
    logs = sparse.csr_matrix(sparse.diags_array(1e4 / totals) @ counts)
    logs.data = np.log1p(logs.data)
    variance = np.asarray(logs.power(2).mean(0)).ravel() - np.asarray(logs.mean(0)).ravel() ** 2
    chosen = np.sort(np.argsort(-variance)[:500])
    matrix = sparse.csr_matrix(counts[:, chosen])
    return set_aside(Counts.from_arrays(matrix, names[chosen], adata.obs_names), 0.1, seed=0)


@pytest.fixture(scope="module")
def fit(parts: tuple[Counts, Counts]) -> engine.TopicFit:
    return engine.fit(parts[0], engine.LDAConfig(n_topics=TOPICS))


@pytest.fixture(scope="module")
def perplexity(parts: tuple[Counts, Counts], fit: engine.TopicFit) -> float:
    """Of the cells set aside."""
    return score(fit, parts[1]).perplexity


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_no_worse_than_poisson_factorisation(
    parts: tuple[Counts, Counts], perplexity: float
) -> None:
    train, held_out = parts
    halves = thin(held_out, 0)
    # Threads would wait for each other most of the time.
    with threadpool_limits(1):
        peer = NMF(
            TOPICS,
            init="nndsvda",
            solver="mu",
            beta_loss="kullback-leibler",
            max_iter=200,
            tol=1e-4,
        ).fit(dense(train))
        predicted = peer.transform(dense(halves.first)) @ peer.components_
    predicted /= predicted.sum(1, keepdims=True)
    seen = dense(halves.second)
    theirs = np.exp(-(seen * np.log(predicted + 1e-12)).sum() / seen.sum())
    assert perplexity < 1.003 * theirs


def test_the_seed_hardly_matters(
    parts: tuple[Counts, Counts], fit: engine.TopicFit, perplexity: float
) -> None:
    other = engine.fit(parts[0], engine.LDAConfig(n_topics=TOPICS, seed=5))
    assert other.log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell, abs=1)
    # These counts have optima of other topics that are worth the same.
    assert score(other, parts[1]).perplexity == pytest.approx(perplexity, rel=0.003)


def test_the_autoencoder_comes_close(
    parts: tuple[Counts, Counts], fit: engine.TopicFit, perplexity: float
) -> None:
    train, held_out = parts
    vae = engine.fit(train, engine.LDAConfig(n_topics=TOPICS, inference="vae", max_epochs=20))
    assert score(vae, held_out).perplexity < 1.006 * perplexity
    assert topic_match(vae.topics, fit.topics)[0] > 0.95
