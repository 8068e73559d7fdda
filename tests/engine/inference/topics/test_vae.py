"""Topics by stochastic variational inference: what is known to go wrong does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.inference.shards import Shards
from tests.engine.inference.topics.conftest import Simulated
from tests.engine.problems import counts_of, topic_match

CONFIG = engine.LDAConfig(n_topics=4, inference="vae", batch_cells=64, hidden=32, max_epochs=25)


@pytest.fixture(scope="module")
def vae_fit(simulated: Simulated) -> engine.TopicFit:
    return engine.fit(simulated.counts, CONFIG)


class TestShards:
    @pytest.mark.parametrize(("cells", "batch"), [(400, 64), (65, 64), (5, 64), (400, 400), (7, 1)])
    def test_an_epoch_has_every_cell_once(
        self, simulated: Simulated, cells: int, batch: int
    ) -> None:
        shards = Shards(simulated.counts, np.arange(cells), batch)
        assert shards.batch_cells <= batch
        seen = []
        for shard in shards.epoch(np.random.default_rng(0)):
            assert shard.batches.shape == (shards.steps, shards.batch_cells)
            assert np.asarray(shard.meant).sum(1).min() >= 1
            seen.append(np.asarray(shard.batches)[np.asarray(shard.meant)])
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(cells))

    def test_stretches_of_cells_when_they_are_many(
        self, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts = simulated.counts
        monkeypatch.setattr("engine.inference.shards._MOST_BYTES", 4 * 150 * 90)
        shards = Shards(counts, np.arange(400), 64)
        total, shapes = 0.0, set()
        for shard in shards.epoch(np.random.default_rng(0)):
            shapes.add((shard.counts.shape, shard.batches.shape))
            rows = np.asarray(shard.batches)[np.asarray(shard.meant)]
            total += float(np.asarray(shard.counts)[rows].sum())
        assert len(shapes) == 1
        assert total == pytest.approx(counts.totals.sum())
        fit = engine.fit(counts, replace(CONFIG, max_epochs=2))
        assert np.isfinite(fit.bound).all()


class TestFit:
    def test_topics_are_found(self, simulated: Simulated, vae_fit: engine.TopicFit) -> None:
        assert topic_match(vae_fit.topics, simulated.topics)[0] > 0.98
        assert topic_match(vae_fit.proportions, simulated.proportions)[0] > 0.98
        np.testing.assert_allclose(vae_fit.topics.sum(0), 1, rtol=1e-5)
        np.testing.assert_allclose(vae_fit.proportions.sum(1), 1, rtol=1e-5)

    def test_the_default_run_ends_trained(
        self, simulated: Simulated, vae_fit: engine.TopicFit, em_fit: engine.TopicFit
    ) -> None:
        bound, exact = (engine.elbo(fit, simulated.counts) for fit in (vae_fit, em_fit))
        assert bound == pytest.approx(exact, rel=0.01)
        trace = vae_fit.trace["log_marginal_per_cell"]
        assert abs(trace.iloc[-2] - trace.iloc[-6]) < 0.01 * abs(trace.iloc[-2])

    def test_the_objective_told_in_training_is_the_bound_of_the_cells(
        self, simulated: Simulated, vae_fit: engine.TopicFit
    ) -> None:
        """Not of the topics as well, whose divergence from their prior is 5 nats per cell."""
        alone = replace(vae_fit, config=replace(vae_fit.config, refine=False))
        told = vae_fit.trace["log_marginal_per_cell"].iloc[-6:-1].mean()
        assert told == pytest.approx(engine.elbo(alone, simulated.counts), abs=1.5)

    def test_the_encoder_sees_its_input(
        self, simulated: Simulated, vae_fit: engine.TopicFit
    ) -> None:
        """Unrefined, by the encoder alone."""
        alone = replace(vae_fit, config=replace(vae_fit.config, refine=False))
        shares = engine.topic_proportions(alone, simulated.counts).to_numpy()
        assert topic_match(shares, simulated.proportions)[0] > 0.95

    def test_refining_closes_the_gap_to_each_cell_s_own_posterior(
        self, simulated: Simulated, vae_fit: engine.TopicFit, em_fit: engine.TopicFit
    ) -> None:
        alone = replace(vae_fit, config=replace(vae_fit.config, refine=False))
        errors = []
        for fit in (vae_fit, alone):
            shares = engine.topic_proportions(fit, simulated.counts).to_numpy()
            order = np.argmax(
                (em_fit.topics / np.linalg.norm(em_fit.topics, axis=0)).T
                @ (fit.topics / np.linalg.norm(fit.topics, axis=0)),
                axis=1,
            )
            errors.append(np.abs(shares[:, order] - em_fit.proportions).mean())
        assert errors[0] < errors[1]
        assert errors[0] < 0.03

    def test_one_scale_in_training_and_afterwards(
        self, simulated: Simulated, vae_fit: engine.TopicFit
    ) -> None:
        """What a fit keeps of the guide is what placing its cells again gives."""
        again = engine.topic_proportions(vae_fit, simulated.counts)
        np.testing.assert_allclose(again, vae_fit.proportions, atol=2e-3)
        stored = engine.topic_proportions(vae_fit)
        np.testing.assert_allclose(stored, vae_fit.proportions, rtol=1e-4, atol=1e-6)
        assert engine.elbo(vae_fit, simulated.counts) == pytest.approx(
            vae_fit.log_marginal_per_cell, rel=1e-4
        )

    def test_no_topic_dies_though_there_are_too_many(self, simulated: Simulated) -> None:
        fit = engine.fit(simulated.counts, replace(CONFIG, n_topics=7, max_epochs=15))
        assert np.isfinite(fit.topics).all()
        normed = fit.topics / np.linalg.norm(fit.topics, axis=0)
        assert np.triu(normed.T @ normed, 1).max() < 0.999
        assert fit.proportions.mean(0).min() > 1e-3

    def test_all_cells_are_trained_on_unless_asked(
        self, simulated: Simulated, vae_fit: engine.TopicFit
    ) -> None:
        assert vae_fit.config.validation == 0
        assert len(vae_fit.cells) == 400
        aside = engine.fit(simulated.counts, replace(CONFIG, validation=0.5, max_epochs=4))
        assert len(aside.cells) == 400
        assert np.isfinite(aside.proportions).all()
        # The objective is told of the cells that are trained on.
        told, of_all = (fit.trace["log_marginal_per_cell"].iloc[-2] for fit in (aside, vae_fit))
        assert told == pytest.approx(of_all, rel=0.05)

    def test_a_loose_tolerance_ends_early(self, simulated: Simulated) -> None:
        for validation in (0.0, 0.1):
            fit = engine.fit(
                simulated.counts, replace(CONFIG, tolerance=1e5, validation=validation)
            )
            assert fit.status.state == "converged"
            assert fit.status.passes < 20

    def test_the_end_of_the_plan_is_no_early_end(
        self, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("engine.inference.training._PATIENCE", 1000)
        counts = simulated.counts.take(np.arange(60))
        planned = replace(CONFIG, hidden=8, max_epochs=None)
        fit = engine.fit(counts, planned)
        assert (fit.status.state, fit.status.passes) == ("completed", planned.epochs(60))
        cut_short = engine.fit(counts, replace(planned, max_epochs=3)).status
        assert (cut_short.state, cut_short.passes) == ("stopped", 3)
        assert "3 epochs allowed" in cut_short.reason

    def test_dropout_and_a_constant_rate(self, simulated: Simulated) -> None:
        config = replace(CONFIG, dropout=0.1, schedule="constant", max_epochs=3)
        assert np.isfinite(engine.fit(simulated.counts, config).bound).all()


class TestEdges:
    def test_one_topic(self, simulated: Simulated) -> None:
        fit = engine.fit(simulated.counts, replace(CONFIG, n_topics=1, max_epochs=2))
        np.testing.assert_allclose(fit.proportions, 1)
        assert np.isfinite([engine.elbo(fit, simulated.counts), fit.log_marginal_per_cell]).all()

    def test_a_prior_too_wide_to_refine_is_refused_before_training(
        self, simulated: Simulated
    ) -> None:
        some, brief = simulated.counts.take(np.arange(60)), replace(CONFIG, max_epochs=1, hidden=4)
        for prior in (1e-6, (1.0, 1.0, 1.0, 1e-6)):
            wide = replace(brief, topic_prior=prior)
            with pytest.raises(engine.ConfigError, match=r"found 1e-06.*inference='em'"):
                next(engine.fit_iter(some, wide))
        for works in (replace(wide, refine=False), replace(wide, inference="em", max_passes=5)):
            assert np.isfinite(engine.fit(some, works).bound).all()
        assert np.isfinite(engine.fit(some, replace(brief, topic_prior=1e-4)).bound).all()

    def test_a_last_batch_of_one_cell(self, simulated: Simulated) -> None:
        some = simulated.counts.take(np.arange(65))
        fit = engine.fit(some, replace(CONFIG, max_epochs=2))
        assert np.isfinite(fit.bound).all()

    def test_one_cell(self) -> None:
        counts = counts_of(np.array([[3, 0, 5, 1]]))
        fit = engine.fit(counts, replace(CONFIG, n_topics=1, max_epochs=2))
        assert np.isfinite(fit.topics).all()

    def test_huge_totals(self) -> None:
        rng = np.random.default_rng(5)
        topics = rng.dirichlet(np.full(30, 0.3), 2)
        totals = np.where(np.arange(60) % 3, 500, 10_000_000)
        shares = rng.dirichlet([0.5, 0.5], 60)
        drawn = [rng.multinomial(n, p @ topics) for n, p in zip(totals, shares, strict=True)]
        counts = counts_of(np.stack(drawn))
        fit = engine.fit(counts, replace(CONFIG, n_topics=2, max_epochs=10))
        assert np.isfinite(fit.topics).all()
        assert np.isfinite(fit.bound).all()
        assert topic_match(fit.topics, topics.T)[0] > 0.98


class TestSteps:
    def test_stopped_on_the_way_there_is_a_fit(self, simulated: Simulated, tmp_path: Path) -> None:
        steps = engine.fit_iter(simulated.counts, CONFIG)
        later = next(p for p in steps if p.phase == "training" and p.status.passes >= 2)
        steps.close()  # type: ignore[attr-defined]
        assert later.snapshot is not None
        read = engine.load(later.snapshot().save(tmp_path / "fit.h5ad"))
        assert read.status.state == "running"
        assert engine.topic_proportions(read, simulated.counts).notna().all(axis=None)

    def test_budgets(self, simulated: Simulated) -> None:
        fit = engine.fit(simulated.counts, replace(CONFIG, max_epochs=2))
        assert (fit.status.state, fit.status.passes) == ("stopped", 2)
        assert "2 epochs" in fit.status.reason
        fit = engine.fit(simulated.counts, replace(CONFIG, max_seconds=1e-6))
        assert "seconds" in fit.status.reason

    def test_going_on_from_a_saved_fit(
        self, simulated: Simulated, vae_fit: engine.TopicFit, tmp_path: Path
    ) -> None:
        read = engine.load(vae_fit.save(tmp_path / "fit.h5ad"))
        config = replace(CONFIG, max_epochs=2, learning_rate=1e-3)
        *_, last = engine.fit_iter(simulated.counts, config, start=read)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.passes == vae_fit.status.passes + 2
        assert fit.log_marginal_per_cell == pytest.approx(vae_fit.log_marginal_per_cell, rel=5e-3)

    def test_from_a_fit_by_em(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        *_, last = engine.fit_iter(simulated.counts, replace(CONFIG, max_epochs=2), start=em_fit)
        assert last.snapshot is not None
        assert topic_match(last.snapshot().topics, em_fit.topics)[0] > 0.98

    def test_the_same_seed_gives_the_same_fit(self, simulated: Simulated) -> None:
        one, two = (engine.fit(simulated.counts, replace(CONFIG, max_epochs=2)) for _ in range(2))
        np.testing.assert_array_equal(one.topics, two.topics)
        np.testing.assert_array_equal(one.proportions, two.proportions)
