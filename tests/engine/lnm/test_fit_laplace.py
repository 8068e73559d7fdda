"""A fit step by step: what it tells, how it is stopped, and how it goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import Counts
from engine.results import Fit
from tests.engine.lnm.conftest import Simulated
from tests.engine.problems import clr_agreement, counts_of

pytestmark = pytest.mark.fit


@pytest.fixture(scope="module")
def told(simulated: Simulated) -> list[engine.Progress]:
    config = replace(simulated.config, block_cells=100)
    return list(engine.fit_iter(simulated.counts, config))


class TestProgress:
    def test_it_begins_with_nothing_and_ends_with_a_fit(self, told: list[engine.Progress]) -> None:
        first, last = told[0], told[-1]
        assert first.status.state == "running"
        assert first.snapshot is None
        assert np.isnan(first.log_marginal_per_cell)
        assert first.seconds_left is None
        assert first.fraction == 0
        assert last.status.state == "converged"
        assert last.status.reason
        assert last.fraction == 1
        assert [p.status.state for p in told[:-1]] == ["running"] * (len(told) - 1)

    def test_counters_only_grow(self, told: list[engine.Progress]) -> None:
        passes = [p.status.passes for p in told]
        seconds = [p.status.seconds for p in told]
        assert passes == sorted(passes)
        assert seconds == sorted(seconds)
        assert all(0 <= p.fraction <= 1 for p in told)
        assert all(p.seconds_left is None or p.seconds_left >= 0 for p in told)
        assert told[-1].status.seconds_compiling <= told[-1].status.seconds

    def test_the_trace_has_a_row_a_step(self, told: list[engine.Progress]) -> None:
        assert told[-1].snapshot is not None
        fit = told[-1].snapshot()
        assert list(fit.trace) == [
            "pass",
            "seconds",
            "log_marginal_per_cell",
            "gradient_median",
            "gradient_worst",
            "n_failed_cells",
        ]
        assert fit.trace["pass"].is_monotonic_increasing
        assert fit.trace["pass"].iloc[-1] == fit.status.passes == told[-1].status.passes
        assert fit.trace["log_marginal_per_cell"].iloc[-1] == pytest.approx(
            fit.log_marginal_per_cell
        )
        assert (fit.trace["gradient_median"] <= fit.trace["gradient_worst"]).all()
        assert told[-1].log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell)

    def test_snapshots_on_the_way_are_fits(self, told: list[engine.Progress]) -> None:
        snapshots = [p.snapshot for p in told if p.snapshot is not None]
        fit = snapshots[0]()
        assert fit.status.state == "running"
        assert np.isfinite(fit.loadings).all()
        # Calling one late changes nothing: it holds what it is made of.
        np.testing.assert_array_equal(snapshots[0]().scores, fit.scores)
        assert len(fit.trace) < len(snapshots[-1]().trace)


class TestBudget:
    @pytest.mark.parametrize("passes", [1, 2, 5])
    def test_passes(self, simulated: Simulated, passes: int) -> None:
        fit = engine.fit(simulated.counts, replace(simulated.config, max_passes=passes))
        assert fit.status.state == "stopped"
        assert "passes" in fit.status.reason
        assert fit.status.passes == passes
        assert fit.trace["pass"].iloc[-1] == passes
        assert np.isfinite(fit.log_marginal).all()
        assert engine.summaries.clr_correlation(fit).notna().all(axis=None)

    def test_seconds(self, simulated: Simulated) -> None:
        fit = engine.fit(simulated.counts, replace(simulated.config, max_seconds=1e-6))
        assert fit.status.state == "stopped"
        assert "seconds" in fit.status.reason
        assert fit.status.passes < simulated.fit.status.passes
        assert np.isfinite(fit.log_marginal).all()

    def test_a_large_budget_is_not_felt(self, simulated: Simulated) -> None:
        large = replace(simulated.config, max_passes=10_000, max_seconds=1e6)
        # Not the fixture's: another file's tests may have compiled its programs otherwise.
        fits = [engine.fit(simulated.counts, config) for config in (simulated.config, large)]
        assert fits[1].status.state == "converged"
        np.testing.assert_array_equal(fits[0].loadings, fits[1].loadings)

    def test_a_loose_tolerance_ends_sooner(
        self, small: Counts, small_config: engine.LNMConfig, small_fit: Fit
    ) -> None:
        loose, usual = (
            engine.fit(small, replace(small_config, tolerance=tolerance))
            for tolerance in (1.0, engine.LNMConfig().tolerance)
        )
        assert loose.status.passes <= usual.status.passes <= small_fit.status.passes
        assert loose.status.passes < small_fit.status.passes
        assert loose.status.state == small_fit.status.state == "converged"
        assert small_fit.log_marginal_per_cell == pytest.approx(
            usual.log_marginal_per_cell, abs=0.1
        )


class TestStop:
    def test_closing_early_leaves_a_usable_snapshot(
        self, simulated: Simulated, tmp_path: Path
    ) -> None:
        steps = engine.fit_iter(simulated.counts, simulated.config)
        last = next(p for p in steps if p.status.passes >= 3 and p.snapshot is not None)
        steps.close()
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.state == "running"
        stopped = replace(fit, status=replace(fit.status, state="stopped", reason="stopped"))
        read = engine.load(stopped.save(tmp_path / "stopped.h5ad"))
        assert read.status.state == "stopped"
        assert clr_agreement(read, simulated.fit) > 0.9


class TestResume:
    @pytest.mark.parametrize("passes", [2, 6])
    def test_a_saved_snapshot_reaches_the_same_optimum(
        self, simulated: Simulated, tmp_path: Path, passes: int
    ) -> None:
        config = simulated.config
        stopped = engine.fit(simulated.counts, replace(config, max_passes=passes))
        read = engine.load(stopped.save(tmp_path / "stopped.h5ad"))
        *_, last = engine.fit_iter(simulated.counts, config, start=read)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.state == "converged"
        assert fit.log_marginal_per_cell == pytest.approx(
            simulated.fit.log_marginal_per_cell, abs=0.1
        )
        assert clr_agreement(fit, simulated.fit) > 0.999

    def test_it_begins_where_the_other_ended(
        self, small: Counts, small_config: engine.LNMConfig, small_fit: Fit
    ) -> None:
        """In float64, at an optimum: the first pass finds the same marginals, and stays."""
        told = list(engine.fit_iter(small, small_config, start=small_fit))
        snapshots = [p.snapshot() for p in told if p.snapshot is not None]
        np.testing.assert_allclose(snapshots[0].log_marginal, small_fit.log_marginal, atol=1e-6)
        np.testing.assert_allclose(snapshots[0].scores, small_fit.scores, atol=1e-4)
        assert told[-1].log_marginal_per_cell == pytest.approx(
            small_fit.log_marginal_per_cell, abs=1e-3
        )

    def test_clock_passes_and_trace_go_on(self, simulated: Simulated) -> None:
        stopped = engine.fit(simulated.counts, replace(simulated.config, max_passes=4))
        *_, last = engine.fit_iter(simulated.counts, simulated.config, start=stopped)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.status.passes > stopped.status.passes
        assert fit.status.seconds > stopped.status.seconds
        pd.testing.assert_frame_equal(
            fit.trace.iloc[: len(stopped.trace)], stopped.trace, check_dtype=False
        )
        assert fit.trace["seconds"].is_monotonic_increasing

    def test_other_cells_of_the_same_genes(self, simulated: Simulated) -> None:
        half = simulated.counts.take(np.arange(400))
        config = replace(simulated.config, block_cells=100)
        *_, last = engine.fit_iter(half, config, start=simulated.fit)
        assert last.snapshot is not None
        assert last.snapshot().cells.equals(half.cells)
        assert clr_agreement(last.snapshot(), simulated.fit) > 0.98

    def test_from_low_rank_to_learned_noise(self, simulated: Simulated) -> None:
        """A gene that had no residual begins with that of the prior, not with next to none."""
        low_rank = engine.fit(simulated.counts, replace(simulated.config, d_mode="low_rank"))
        *_, last = engine.fit_iter(simulated.counts, simulated.config, start=low_rank)
        assert last.status.state == "converged"
        assert last.status.passes - low_rank.status.passes < 30
        assert last.log_marginal_per_cell == pytest.approx(
            simulated.fit.log_marginal_per_cell, abs=0.1
        )

    def test_other_genes_are_refused(self, simulated: Simulated, small: Counts) -> None:
        with pytest.raises(engine.ConfigError, match="genes"):
            list(engine.fit_iter(small, engine.LNMConfig(n_factors=3), start=simulated.fit))

    def test_another_number_of_factors_is_refused(self, simulated: Simulated) -> None:
        with pytest.raises(engine.ConfigError, match="2 factors"):
            list(
                engine.fit_iter(
                    simulated.counts, replace(simulated.config, n_factors=2), start=simulated.fit
                )
            )


class TestRefusals:
    def test_too_many_factors(self) -> None:
        matrix = np.random.default_rng(0).poisson(3, (6, 5)) + 1
        with pytest.raises(engine.ConfigError, match="at most 4"):
            engine.fit(counts_of(matrix), engine.LNMConfig(n_factors=5))
