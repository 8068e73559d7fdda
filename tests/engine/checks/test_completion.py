"""Document completion: what the score says of the truth, of fits and of nonsense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine.checks import complete, score, set_aside
from engine.checks.completion import ratio_error
from engine.data import Counts, simulate
from engine.data.thinning import thin
from engine.results import Fit
from engine.shell.commands.score import score_words
from tests.engine.problems import dense

pytestmark = pytest.mark.fit


@pytest.fixture(scope="module")
def counts() -> Counts:
    adata = simulate("lda", cells=400, genes=60, factors=3, seed=2, mean_total=1000)
    return engine.read_counts(adata, genes="all")


@pytest.fixture(scope="module")
def parts(counts: Counts) -> tuple[Counts, Counts]:
    return set_aside(counts, 0.25, seed=0)


@pytest.fixture(scope="module")
def fit(parts: tuple[Counts, Counts]) -> engine.TopicFit:
    return engine.fit(parts[0], engine.LDAConfig(n_topics=3))


@pytest.fixture(scope="module")
def one_topic(fit: engine.TopicFit, parts: tuple[Counts, Counts]) -> engine.TopicFit:
    """All topics alike, each the mean composition of the cells."""
    total = dense(parts[0]).sum(0) + 0.1
    return replace(fit, topics=np.tile(total[:, None] / total.sum(), 3).astype(np.float32))


@pytest.fixture(scope="module")
def lnm(parts: tuple[Counts, Counts]) -> Fit:
    return engine.fit(parts[0], engine.LNMConfig(n_factors=2, max_passes=8))


def test_cells_are_set_aside(counts: Counts, parts: tuple[Counts, Counts]) -> None:
    train, held_out = parts
    assert (train.n_cells, held_out.n_cells) == (300, 100)
    assert set(train.cells) | set(held_out.cells) == set(counts.cells)
    again = set_aside(counts, 0.25, seed=0)[1]
    assert again.cells.equals(held_out.cells)
    assert not set_aside(counts, 0.25, seed=1)[1].cells.equals(held_out.cells)
    for wrong in (0.0, 1.0, -1.0, np.nan):
        with pytest.raises(engine.ConfigError, match="hold out"):
            set_aside(counts, wrong, 0)


def test_it_is_what_it_says(fit: engine.TopicFit, parts: tuple[Counts, Counts]) -> None:
    found = score(fit, parts[1], seed=5)
    halves = thin(parts[1], 5)
    shares = engine.topic_proportions(fit, halves.first).to_numpy() @ fit.topics.T
    value = (dense(halves.second) * np.log(shares)).sum() / halves.second.totals.sum()
    assert found.log_likelihood_per_count == pytest.approx(value, rel=1e-5)
    assert found.perplexity == pytest.approx(np.exp(-value), rel=1e-5)
    assert (found.log_marginal_per_cell, found.is_bound) == (None, False)
    assert (found.model, found.n_cells, found.n_left_out, found.seed) == ("lda", 100, 0, 5)
    assert found.n_counts == halves.second.totals.sum()


def test_calls_agree_and_seeds_differ(fit: engine.TopicFit, parts: tuple[Counts, Counts]) -> None:
    assert score(fit, parts[1]) == score(fit, parts[1])
    assert score(fit, parts[1]) != score(fit, parts[1], seed=1)


def test_better_models_score_better(
    fit: engine.TopicFit, one_topic: engine.TopicFit, parts: tuple[Counts, Counts]
) -> None:
    held_out = parts[1]
    even = replace(fit, topics=np.full_like(fit.topics, 1 / len(fit.genes)))
    scores = [score(one, held_out).perplexity for one in (fit, one_topic, even)]
    assert scores == sorted(scores)
    assert scores[-1] == pytest.approx(len(fit.genes), rel=1e-4)


@pytest.mark.parametrize("capture", [False, True])
def test_all_models_on_the_same_scale(
    lnm: Fit, one_topic: engine.TopicFit, parts: tuple[Counts, Counts], capture: bool
) -> None:
    train, held_out = parts
    if capture:
        lnm = engine.fit(train, replace(lnm.config, capture=True))
    found = score(lnm, held_out)
    assert found.model == ("lnmvcp" if capture else "lnm")
    assert 1 < found.perplexity < score(one_topic, held_out).perplexity
    whole = engine.transform(lnm, held_out)
    assert found.log_marginal_per_cell == pytest.approx(whole.log_marginal_per_cell, rel=1e-5)


def test_a_bound_is_told_as_one(fit: engine.TopicFit, parts: tuple[Counts, Counts]) -> None:
    found = replace(score(fit, parts[1]), log_marginal_per_cell=-12.5)
    assert "log marginal -12.50 nats" in score_words(found)
    assert "log marginal ≥ -12.50 nats" in score_words(replace(found, is_bound=True))
    assert replace(found, is_bound=True).to_dict()["is_bound"]


def test_a_log_ratio_model_without_counts_in_most_genes(lnm: Fit, counts: Counts) -> None:
    """Cells of a few counts: predictions stay proportions."""
    few = thin(counts, 0, share=0.004).first
    assert few.totals.min() == 1
    # So many that a hundred can be scored, as many as are held out: one compilation serves.
    firsts = (few.take(np.arange(n)) for n in range(100, few.n_cells))
    few = next(first for first in firsts if thin(first, 0).first.n_cells == 100)
    found = score(replace(lnm, config=replace(lnm.config, block_cells=100)), few)
    assert found.n_cells == 100
    assert np.isfinite(found.perplexity)
    assert 1 < found.perplexity < 3 * few.n_genes
    assert found.n_left_out > 0


def test_other_genes(fit: engine.TopicFit, parts: tuple[Counts, Counts]) -> None:
    held_out = parts[1]
    order = np.random.default_rng(0).permutation(held_out.n_genes)
    matrix = dense(held_out)
    shuffled = Counts.from_arrays(matrix[:, order], held_out.genes[order], held_out.cells)
    assert score(fit, shuffled).perplexity == pytest.approx(score(fit, held_out).perplexity)
    fewer = Counts.from_arrays(matrix[:, 1:], held_out.genes[1:], held_out.cells)
    with pytest.raises(engine.DataError, match="missing"):
        score(fit, fewer)


def test_cells_of_one_count_cannot_be_scored(fit: engine.TopicFit) -> None:
    lone = Counts.from_arrays(np.eye(len(fit.genes))[:5], fit.genes, list("vwxyz"))
    with pytest.raises(engine.DataError, match="two counts"):
        score(fit, lone)


def test_what_each_cell_contributes(fit: engine.TopicFit, parts: tuple[Counts, Counts]) -> None:
    told: list[float] = []
    found, cells = complete(fit, parts[1], on_progress=told.append)
    assert found == score(fit, parts[1])
    assert list(cells.cells) == list(parts[1].cells)
    mean = cells.log_likelihood.sum() / cells.n_counts.sum()
    assert found.log_likelihood_per_count == pytest.approx(mean)
    assert told[-1] == 1.0

    def enough(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        complete(fit, parts[1], on_progress=enough)


def test_the_standard_error_is_that_of_the_mean_over_cells() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(50, 500, (2000, 100)).astype(float)
    values = weights * 2 + rng.normal(0, 30, weights.shape)
    ratios = values.sum(1) / weights.sum(1)
    errors = [ratio_error(*pair) for pair in zip(values, weights, strict=True)]
    assert np.mean(errors) == pytest.approx(ratios.std(), rel=0.05)
    assert ratio_error(np.array([3.0]), np.array([2.0])) == 0.0
