"""Topics by EM: they are found, whatever the seed, the blocks or the start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.lda import search
from engine.lda.climb import Climb
from engine.lda.passes import Estimate, em_pass
from engine.lda.relocation import proposals
from engine.lda.start import Starts
from tests.engine.lda.conftest import Simulated, draw
from tests.engine.problems import counts_of, dense, topic_match

pytestmark = pytest.mark.fit


def run(climb: Climb, passes: int) -> Climb:
    for _ in climb.run(passes):
        pass
    return climb


def start(counts: Counts, topics: np.ndarray) -> Estimate:
    size = len(topics)
    return Estimate(np.full((counts.n_cells, size), 1 / size, np.float32), topics)


class TestPasses:
    def test_how_cells_are_cut_into_blocks_does_not_matter(self, simulated: Simulated) -> None:
        counts = simulated.counts
        at = start(counts, Starts(counts, 4, 0).corners())
        found = []
        for rows in (counts.n_cells, 37, 1):
            steps = em_pass(Blocks(counts, rows), at, np.full(4, 0.25), np.full(150, 0.25))
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    found.append(end.value)
                    break
        for other in found[1:]:
            np.testing.assert_allclose(other.next.topics, found[0].next.topics, rtol=1e-4)
            np.testing.assert_allclose(
                other.next.proportions, found[0].next.proportions, rtol=1e-4, atol=1e-6
            )
            assert other.objective == pytest.approx(found[0].objective, rel=1e-6)

    def test_the_objective_is_the_one_it_says(self, simulated: Simulated) -> None:
        counts = simulated.counts
        alpha, eta = np.full(4, 0.25), np.full(counts.n_genes, 0.25)
        climb = run(
            Climb(Blocks(counts), start(counts, Starts(counts, 4, 0).corners()), alpha, eta), 3
        )
        assert climb.best is not None
        shares, topics = (part.astype(float) for part in climb.best.at)
        value = (dense(counts) * np.log(shares @ topics)).sum()
        value += 0.25 * np.log(shares).sum() + 0.25 * np.log(topics).sum()
        assert climb.best.objective == pytest.approx(value, rel=1e-6)

    def test_the_climb_never_falls_and_outruns_plain_em(self, simulated: Simulated) -> None:
        counts = simulated.counts
        alpha, eta = np.full(4, 0.25), np.full(counts.n_genes, 0.25)
        rng = np.random.default_rng(0)
        topics = rng.dirichlet(np.ones(counts.n_genes), 4).astype(np.float32)
        blocks = Blocks(counts)
        fast = run(Climb(blocks, start(counts, topics), alpha, eta), 25)
        assert (np.diff(fast.objectives) >= 0).all()
        at = start(counts, topics)
        for _ in range(25):
            plain = run(Climb(blocks, at, alpha, eta), 1)
            assert plain.best is not None
            at = plain.best.next
        assert fast.objectives[-1] > plain.objectives[-1]

    def test_a_topic_in_the_wrong_place_is_moved(self, simulated: Simulated) -> None:
        """Two topics merged into one and another split in two: a local optimum, left at once."""
        counts, truth = simulated.counts, simulated.topics.T
        merged = np.stack([(truth[0] + truth[1]) / 2, truth[2], truth[2] * 1.0, truth[3]])
        rng = np.random.default_rng(0)
        merged = (merged + 1e-6) * np.exp(rng.normal(0, 0.05, merged.shape))
        merged = (merged / merged.sum(1, keepdims=True)).astype(np.float32)
        alpha, eta = np.full(4, 0.25), np.full(counts.n_genes, 0.25)
        blocks = Blocks(counts)
        stuck = run(Climb(blocks, start(counts, merged), alpha, eta), 5)
        assert stuck.best is not None
        assert topic_match(stuck.best.at.topics.T, simulated.topics)[0] < 0.9
        first = next(proposals(blocks, stuck.best.at, alpha, rng))
        freed = run(Climb(blocks, first, alpha, eta), 30)
        assert freed.best is not None
        assert topic_match(freed.best.at.topics.T, simulated.topics)[0] > 0.98


class TestRecovery:
    @pytest.mark.parametrize("seed", range(5))
    def test_every_topic_whatever_the_seed(self, simulated: Simulated, seed: int) -> None:
        fit = engine.fit(simulated.counts, engine.LDAConfig(n_topics=4, seed=seed))
        assert fit.status.state == "converged"
        assert topic_match(fit.topics, simulated.topics)[0] > 0.98

    def test_at_the_size_of_an_experiment(self) -> None:
        data = draw(3000, 2000, 20, seed=20, mean_total=3000)
        fit = engine.fit(data.counts, engine.LDAConfig(n_topics=20, seed=3))
        assert topic_match(fit.topics, data.topics)[0] > 0.98

    def test_proportions(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        cosines = topic_match(em_fit.proportions, simulated.proportions)
        assert cosines[0] > 0.99

    def test_a_subsample_finds_the_place_for_all(
        self, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("engine.lda.em.MOST_CELLS", 150)
        assert search.MOST_CELLS >= 1000
        told = list(engine.fit_iter(simulated.counts, engine.LDAConfig(n_topics=4)))
        sizes = [len(p.snapshot().cells) for p in told if p.snapshot is not None]
        assert (sizes[0], sizes[-1]) == (150, simulated.counts.n_cells)
        # A run that is resumed asks whether these are the counts it began with.
        prints = {p.snapshot().data["fingerprint"] for p in told if p.snapshot is not None}
        assert prints == {simulated.counts.fingerprint}
        last = told[-1].snapshot
        assert last is not None
        assert topic_match(last().topics, simulated.topics)[0] > 0.98

    def test_counts_streamed_from_disk(
        self, simulated: Simulated, em_fit: engine.TopicFit, tmp_path: Path
    ) -> None:
        simulated.data.write_h5ad(tmp_path / "sim.h5ad")
        streamed = engine.read_counts(tmp_path / "sim.h5ad", genes="all", backed=True)
        assert streamed.matrix() is None
        other = engine.fit(streamed, em_fit.config)
        np.testing.assert_allclose(other.topics, em_fit.topics, atol=1e-3)
        assert engine.elbo(other, streamed) == pytest.approx(
            engine.elbo(em_fit, simulated.counts), rel=1e-4
        )

    def test_priors_are_pseudo_counts(self, simulated: Simulated) -> None:
        """A strong prior draws every topic and cell to itself."""
        strong = np.linspace(1, 2, simulated.counts.n_genes) * 1e7
        prior = [3e6, 1e6, 2e6, 4e6]
        fit = engine.fit(
            simulated.counts,
            engine.LDAConfig(n_topics=4, topic_prior=prior, feature_prior=strong),
        )
        wanted = np.tile((strong / strong.sum())[:, None], 4)
        np.testing.assert_allclose(fit.topics, wanted, rtol=0.1)
        shares = np.tile([0.3, 0.1, 0.2, 0.4], (len(fit.cells), 1))
        np.testing.assert_allclose(fit.proportions, shares, atol=0.01)


class TestEdges:
    def test_one_topic_is_the_mean_composition(self, simulated: Simulated) -> None:
        counts = simulated.counts
        fit = engine.fit(counts, engine.LDAConfig(n_topics=1))
        expected = dense(counts).sum(0) + 1
        np.testing.assert_allclose(fit.topics[:, 0], expected / expected.sum(), rtol=1e-4)
        np.testing.assert_array_equal(fit.proportions, np.ones((counts.n_cells, 1)))
        assert np.isfinite([engine.elbo(fit, counts), engine.perplexity(fit, counts)]).all()

    def test_one_cell(self) -> None:
        counts = counts_of(np.array([[3, 0, 5, 1]]))
        fit = engine.fit(counts, engine.LDAConfig(n_topics=1))
        assert fit.topics.shape == (4, 1)
        with pytest.raises(engine.ConfigError, match="at most 1 topics"):
            engine.fit(counts, engine.LDAConfig(n_topics=2))

    def test_huge_totals(self) -> None:
        rng = np.random.default_rng(5)
        topics = rng.dirichlet(np.full(150, 0.3), 4)
        shares = rng.dirichlet(np.full(4, 0.5), 403)
        totals = np.where(np.arange(403) % 3, 500, 10_000_000)
        counts = np.stack(
            [rng.multinomial(n, p @ topics) for n, p in zip(totals, shares, strict=True)]
        )
        fit = engine.fit(counts_of(counts), engine.LDAConfig(n_topics=4))
        assert np.isfinite(fit.topics).all()
        assert np.isfinite(fit.bound).all()
        assert topic_match(fit.topics, topics.T)[0] > 0.98

    def test_a_feature_prior_of_another_length(self, simulated: Simulated) -> None:
        with pytest.raises(engine.ConfigError, match="feature_prior"):
            engine.fit(simulated.counts, engine.LDAConfig(n_topics=2, feature_prior=[1, 2]))


class TestSteps:
    def test_budgets(self, simulated: Simulated) -> None:
        for passes in (1, 2, 20):
            fit = engine.fit(simulated.counts, engine.LDAConfig(n_topics=4, max_passes=passes))
            assert fit.status.state == "stopped"
            assert (fit.status.passes, len(fit.cells)) == (passes, simulated.counts.n_cells)
        fit = engine.fit(simulated.counts, engine.LDAConfig(n_topics=4, max_seconds=1e-6))
        assert "seconds" in fit.status.reason
        assert np.isfinite(fit.bound).all()

    def test_progress_and_stopping(self, simulated: Simulated, tmp_path: Path) -> None:
        steps = engine.fit_iter(simulated.counts, engine.LDAConfig(n_topics=4))
        first = next(steps)
        assert first.snapshot is None
        assert first.status.state == "running"
        later = next(p for p in steps if p.status.passes >= 5 and p.snapshot is not None)
        steps.close()  # type: ignore[attr-defined]
        assert later.snapshot is not None
        fit = later.snapshot()
        assert fit.status.state == "running"
        assert engine.load(fit.save(tmp_path / "fit.h5ad")).status == fit.status

    def test_what_is_told(self, simulated: Simulated) -> None:
        told = list(engine.fit_iter(simulated.counts, engine.LDAConfig(n_topics=4)))
        passes = [p.status.passes for p in told]
        assert passes == sorted(passes)
        assert all(0 <= p.fraction <= 1 for p in told)
        assert told[-1].fraction == 1
        assert told[-1].snapshot is not None
        fit = told[-1].snapshot()
        assert list(fit.trace) == ["pass", "seconds", "log_marginal_per_cell"]
        assert fit.trace["log_marginal_per_cell"].iloc[-1] == pytest.approx(
            fit.log_marginal_per_cell
        )

    def test_going_on_from_a_saved_fit(
        self, simulated: Simulated, em_fit: engine.TopicFit, tmp_path: Path
    ) -> None:
        config = engine.LDAConfig(n_topics=4)
        short = engine.fit(simulated.counts, replace(config, max_passes=20))
        read = engine.load(short.save(tmp_path / "fit.h5ad"))
        *_, last = engine.fit_iter(simulated.counts, config, start=read)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.passes > 20
        assert fit.log_marginal_per_cell == pytest.approx(em_fit.log_marginal_per_cell, abs=0.05)
        np.testing.assert_allclose(fit.topics, em_fit.topics, atol=1e-3)

    def test_a_start_of_another_kind_is_refused(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        with pytest.raises(engine.ConfigError, match="TopicFit"):
            list(engine.fit_iter(simulated.counts, engine.LNMConfig(n_factors=4), start=em_fit))
        with pytest.raises(engine.ConfigError, match="with 3 topics"):
            list(engine.fit_iter(simulated.counts, engine.LDAConfig(n_topics=3), start=em_fit))

    def test_the_same_seed_gives_the_same_fit(self, simulated: Simulated) -> None:
        # Not the fixture's: another file's tests may have compiled its programs otherwise.
        fits = [engine.fit(simulated.counts, engine.LDAConfig(n_topics=4)) for _ in range(2)]
        np.testing.assert_array_equal(fits[0].topics, fits[1].topics)
        np.testing.assert_array_equal(fits[0].proportions, fits[1].proportions)
