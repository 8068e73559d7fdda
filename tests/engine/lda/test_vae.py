"""Topics by stochastic variational inference: what is known to go wrong does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.data import Counts
from engine.fitting.shards import Shards
from tests.engine.lda.conftest import Simulated, draw
from tests.engine.problems import counts_of, dense, topic_match

pytestmark = pytest.mark.fit

# An epoch compiles once for each number of steps and shape of its minibatches: nearly all tests
# train on 403 cells x 150 genes, in 24 epochs of 7 minibatches.
EPOCHS = 24
CONFIG = engine.LDAConfig(
    n_topics=4, inference="vae", batch_cells=67, hidden=32, max_epochs=EPOCHS, block_cells=403
)
# Ends with the first step: of the search for a start or, where there is one, the first epoch.
ONE_STEP = replace(CONFIG, max_seconds=1e-6)


@pytest.fixture(scope="module")
def vae_fit(simulated: Simulated) -> engine.TopicFit:
    return engine.fit(simulated.counts, CONFIG)


def over_again(simulated: Simulated, cells: int) -> Counts:
    """The same cells in turn, so many of them."""
    counts = simulated.counts
    repeated = np.resize(dense(counts), (cells, counts.n_genes))
    return Counts.from_arrays(repeated, counts.genes, [f"cell_{c}" for c in range(cells)])


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
        self, simulated: Simulated, em_fit: engine.TopicFit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts = simulated.counts
        monkeypatch.setattr("engine.fitting.shards._MOST_BYTES", 4 * 150 * 90)
        shards = Shards(counts, np.arange(counts.n_cells), 64)
        total, shapes = 0.0, set()
        for shard in shards.epoch(np.random.default_rng(0)):
            shapes.add((shard.counts.shape, shard.batches.shape))
            rows = np.asarray(shard.batches)[np.asarray(shard.meant)]
            total += float(np.asarray(shard.counts)[rows].sum())
        assert len(shapes) == 1
        assert total == pytest.approx(counts.totals.sum())
        # Two stretches, of 403 cells and a few less: half as many epochs have as many steps.
        monkeypatch.setattr("engine.fitting.shards._MOST_BYTES", 4 * 150 * 403)
        many, config = over_again(simulated, 796), replace(CONFIG, max_epochs=EPOCHS // 2)
        *_, last = engine.fit_iter(many, config, start=em_fit)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert np.isfinite(fit.bound).all()
        assert topic_match(fit.topics, simulated.topics)[0] > 0.98
        np.testing.assert_allclose(fit.proportions[403:], fit.proportions[:393], atol=2e-3)


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

    @pytest.mark.parametrize("topics", [1, 2])
    def test_no_topic_dies_though_there_are_too_many(self, topics: int) -> None:
        """Four, where the cells have one or two; from one, they coincide the most easily."""
        fit = engine.fit(draw(403, 150, topics, seed=1).counts, CONFIG)
        assert np.isfinite(fit.topics).all()
        normed = fit.topics / np.linalg.norm(fit.topics, axis=0)
        assert np.triu(normed.T @ normed, 1).max() < 0.999
        assert fit.proportions.mean(0).min() > 1e-3

    def test_counts_streamed_from_disk(
        self, simulated: Simulated, vae_fit: engine.TopicFit, tmp_path: Path
    ) -> None:
        simulated.data.write_h5ad(tmp_path / "sim.h5ad")
        streamed = engine.read_counts(tmp_path / "sim.h5ad", genes="all", backed=True)
        assert streamed.matrix() is None
        other = engine.fit(streamed, CONFIG)
        np.testing.assert_allclose(other.topics, vae_fit.topics, atol=1e-3)
        assert engine.elbo(other, streamed) == pytest.approx(
            engine.elbo(vae_fit, simulated.counts), rel=1e-4
        )

    @pytest.mark.parametrize("validation", [0.0, 0.5])
    def test_a_loose_tolerance_ends_early(
        self, simulated: Simulated, vae_fit: engine.TopicFit, validation: float
    ) -> None:
        """All cells are trained on unless asked."""
        assert vae_fit.config.validation == 0
        counts = over_again(simulated, 806) if validation else simulated.counts
        fit = engine.fit(counts, replace(CONFIG, tolerance=1e5, validation=validation))
        assert fit.status.state == "converged"
        assert fit.status.passes < 20
        assert len(fit.cells) == counts.n_cells
        assert np.isfinite(fit.proportions).all()
        # The objective is told of the cells that are trained on, so many of them in both.
        last = fit.status.passes - 1
        told, of_all = (of.trace["log_marginal_per_cell"].iloc[last] for of in (fit, vae_fit))
        assert told == pytest.approx(of_all, rel=0.05)

    def test_the_end_of_the_plan_is_no_early_end(
        self, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("engine.fitting.training._PATIENCE", 1000)
        # As many are planned as are compiled; `test_budgets` has fewer than are planned.
        monkeypatch.setattr(engine.LDAConfig, "full_epochs", EPOCHS)
        planned = replace(CONFIG, max_epochs=None)
        fit = engine.fit(simulated.counts, planned)
        assert (fit.status.state, fit.status.passes) == ("completed", planned.epochs(403))


class TestEdges:
    def test_a_prior_too_wide_to_refine_is_refused_before_training(
        self, simulated: Simulated
    ) -> None:
        counts = simulated.counts
        for prior in (1e-6, (1.0, 1.0, 1.0, 1e-6)):
            wide = replace(CONFIG, topic_prior=prior)
            with pytest.raises(engine.ConfigError, match=r"found 1e-06.*inference='em'"):
                next(engine.fit_iter(counts, wide))
        em = replace(CONFIG, topic_prior=prior, inference="em", max_passes=5)
        for works in (replace(wide, refine=False), em, replace(CONFIG, topic_prior=1e-4)):
            assert np.isfinite(engine.fit(counts, works).bound).all()

    def test_a_last_batch_of_one_cell(self, simulated: Simulated, vae_fit: engine.TopicFit) -> None:
        """What would be left over by minibatches of the size that is asked for."""
        assert simulated.counts.n_cells % CONFIG.batch_cells == 1
        assert np.isfinite(vae_fit.bound).all()

    def test_one_cell_of_one_topic_with_dropout_and_a_constant_rate(
        self, simulated: Simulated
    ) -> None:
        alone = simulated.counts.take(np.array([0]))
        odd = replace(CONFIG, n_topics=1, dropout=0.1, schedule="constant", max_epochs=2)
        fit = engine.fit(alone, odd)
        np.testing.assert_allclose(fit.proportions, 1)
        assert np.isfinite(fit.topics).all()
        assert np.isfinite([engine.elbo(fit, alone), fit.log_marginal_per_cell]).all()
        assert np.isfinite(fit.bound).all()

    def test_huge_totals(self) -> None:
        rng = np.random.default_rng(5)
        topics = rng.dirichlet(np.full(150, 0.3), 4)
        totals = np.where(np.arange(403) % 3, 500, 10_000_000)
        shares = rng.dirichlet(np.full(4, 0.5), 403)
        drawn = [rng.multinomial(n, p @ topics) for n, p in zip(totals, shares, strict=True)]
        fit = engine.fit(counts_of(np.stack(drawn)), CONFIG)
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

    def test_budgets(self, simulated: Simulated, vae_fit: engine.TopicFit) -> None:
        assert (vae_fit.status.state, vae_fit.status.passes) == ("stopped", EPOCHS)
        assert f"{EPOCHS} epochs allowed" in vae_fit.status.reason
        fit = engine.fit(simulated.counts, ONE_STEP)
        assert "seconds" in fit.status.reason

    def test_going_on_from_a_saved_fit(
        self, simulated: Simulated, vae_fit: engine.TopicFit, tmp_path: Path
    ) -> None:
        read = engine.load(vae_fit.save(tmp_path / "fit.h5ad"))
        *_, last = engine.fit_iter(simulated.counts, CONFIG, start=read)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.passes == vae_fit.status.passes + EPOCHS
        assert fit.log_marginal_per_cell == pytest.approx(vae_fit.log_marginal_per_cell, rel=5e-3)
        # Its first epoch is worth a little less than the last one, as the step is large again; that
        # of a new fit seems to be worth more, as the divergence has no weight yet.
        told = fit.trace["log_marginal_per_cell"].to_numpy()
        size = len(vae_fit.trace)
        np.testing.assert_array_equal(told[:size], vae_fit.trace["log_marginal_per_cell"])
        assert told[size] == pytest.approx(told[size - 2], rel=5e-3)
        assert told[size] < told[size - 2] < told[0]

    def test_from_a_fit_by_em(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        *_, last = engine.fit_iter(simulated.counts, ONE_STEP, start=em_fit)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.passes == em_fit.status.passes + 1
        assert topic_match(fit.topics, em_fit.topics)[0] > 0.98

    def test_the_same_seed_gives_the_same_fit(
        self, simulated: Simulated, vae_fit: engine.TopicFit
    ) -> None:
        again = engine.fit(simulated.counts, CONFIG)
        np.testing.assert_array_equal(again.topics, vae_fit.topics)
        np.testing.assert_array_equal(again.proportions, vae_fit.proportions)
