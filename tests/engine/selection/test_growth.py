"""The number of factors or topics that is chosen from counts, and what a fit tells of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

import engine
from engine import checks
from engine.data import Counts, simulate
from engine.errors import ConfigError, DataError
from engine.results import Fit, Selection, load, requested_config, selection_of
from engine.summaries import methods_text
from engine.validation import AUTO

pytestmark = pytest.mark.fit

CELLS, GENES = 300, 40
# The number of cells held out. Blocks of so many serve the 240 that are fitted to choose a number
# and all cells: one compilation for both.
BLOCK = 60
LNM = engine.LNMConfig(block_cells=BLOCK)


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Of two factors."""
    data = simulate("lnm", cells=CELLS, genes=GENES, factors=2, seed=0, counts_per_gene=5.0)
    return engine.read_counts(data, genes="all")


@pytest.fixture(scope="module")
def steps(counts: Counts) -> list[engine.Progress]:
    return list(engine.fit_iter(counts, replace(LNM, max_passes=60)))


@pytest.fixture(scope="module")
def fit(steps: list[engine.Progress]) -> Fit:
    assert steps[-1].snapshot is not None
    found = steps[-1].snapshot()
    assert isinstance(found, Fit)
    return found


@pytest.fixture(scope="module")
def unrelated() -> Counts:
    """Genes that have nothing to do with each other."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(2.0, rng.lognormal(0, 1, GENES) / 2.0, (CELLS, GENES))
    data = ad.AnnData(rng.poisson(rates).astype(np.float32))
    return engine.read_counts(data, genes="all")


@pytest.fixture(scope="module")
def without(unrelated: Counts) -> Fit:
    return engine.fit(unrelated, LNM)


def chosen(fit: engine.Fit | engine.TopicFit) -> Selection:
    found = selection_of(fit)
    assert found is not None
    return found


class TestFactors:
    def test_no_more_are_tried_than_are_needed(self, fit: Fit) -> None:
        found = chosen(fit)
        assert [one.size for one in found.tried] == [0, 5]
        assert [one.structure for one in found.tried] == [True, False]
        assert found.size == fit.n_factors == fit.config.size == 5
        none, five = found.tried
        assert five.behind == 0
        assert none.behind > 3 * none.behind_error > 0
        assert none.perplexity == pytest.approx(five.perplexity * np.exp(none.behind))
        assert (found.n_fitted, found.n_held_out) == (240, 60)

    def test_all_cells_are_fitted_in_the_end(self, fit: Fit, counts: Counts) -> None:
        assert list(fit.cells) == list(counts.cells)
        assert fit.status.state in ("converged", "stopped")

    def test_it_is_told_while_they_are_chosen(self, steps: list[engine.Progress]) -> None:
        phases = list(dict.fromkeys(step.phase for step in steps))
        assert phases[:4] == [
            "choosing how many factors: 0",
            "choosing how many factors: what 0 factors leave",
            "choosing how many factors: 5",
            "choosing how many factors: what 5 factors leave",
        ]
        assert all(step.status.state == "running" for step in steps[:-1])
        assert steps[0].snapshot is None

    def test_why_is_kept_and_told(self, fit: Fit, tmp_path: Path) -> None:
        again = load(fit.save(tmp_path / "fit.h5ad"))
        assert selection_of(again) == chosen(fit)
        assert requested_config(again) == replace(fit.config, n_factors=AUTO)
        said = methods_text(fit)
        assert "The number of factors was chosen among 0, 5" in said
        assert "5 factors: the fewest that predict counts of held-out cells" in said

    def test_who_goes_on_keeps_the_number_and_why(self, fit: Fit, counts: Counts) -> None:
        config = replace(LNM, max_passes=2)
        *_, last = engine.fit_iter(counts, config, start=fit)
        assert last.snapshot is not None
        again = last.snapshot()
        assert again.n_factors == 5
        assert selection_of(again) == chosen(fit)

    def test_a_number_that_was_given_is_no_choice(self, fit: Fit, counts: Counts) -> None:
        config = replace(LNM, n_factors=5, max_passes=2)
        typed = engine.fit(counts, config)
        assert selection_of(typed) is None
        assert requested_config(typed) == config

    def test_seconds_allowed_are_for_all_of_it(self, counts: Counts) -> None:
        fit = engine.fit(counts, replace(LNM, max_seconds=1e-3))
        assert fit.status.state == "stopped"
        assert len(fit.cells) == CELLS
        assert chosen(fit).reason == "5 factors: the seconds allowed left no time to choose."

    def test_too_few_cells_to_choose_from(self, counts: Counts) -> None:
        with pytest.raises(DataError, match="Give the number"):
            engine.fit(counts.take(np.arange(12)), engine.LNMConfig())


class TestNoFactor:
    def test_there_is_none_where_genes_are_unrelated(self, without: Fit) -> None:
        assert without.n_factors == chosen(without).size == 0
        assert "No factor can be told from noise" in chosen(without).reason
        assert without.loadings.shape == (GENES, 0)
        assert without.scores.shape == (CELLS, 0)
        # What the reference varies by itself, all others share in ALR: no loadings could tell it.
        assert (without.noise > 0).all()

    def test_no_pair_is_claimed(self, without: Fit, unrelated: Counts) -> None:
        with pytest.warns(UserWarning, match="nothing to find"):
            found = checks.uncertainty(without, unrelated).correlation(np.arange(GENES))
        apart = ~np.eye(GENES, dtype=bool)
        assert np.isfinite(found.correlation).all()
        assert (found.fsos[apart] == found.s_value[apart]).all()
        assert (found.fsos[apart] == 1).all()
        assert checks.residual_structure(without, unrelated).nothing

    def test_it_is_a_fit_like_any_other(
        self, without: Fit, unrelated: Counts, tmp_path: Path
    ) -> None:
        again = load(without.save(tmp_path / "fit.h5ad"))
        assert again.n_factors == 0
        placed = engine.transform(again, unrelated)
        np.testing.assert_allclose(placed.log_marginal, without.log_marginal, rtol=1e-4)
        assert checks.score(again, unrelated.take(np.arange(BLOCK))).perplexity > 1

    def test_there_is_nothing_to_encode(self, unrelated: Counts, without: Fit) -> None:
        with pytest.raises(ConfigError, match="without factors"):
            engine.LNMConfig(n_factors=0, inference="vae")
        fit = engine.fit(unrelated, replace(LNM, inference="vae"))
        assert fit.config == without.config
        np.testing.assert_allclose(fit.log_marginal, without.log_marginal, rtol=1e-2)

    def test_it_has_no_quality_of_factors(self, without: Fit, unrelated: Counts) -> None:
        found = checks.quality(without, unrelated)
        assert np.isnan([found.coherence, found.diversity]).all()
        assert found.effective == 0


def test_topics() -> None:
    data = simulate("lda", cells=CELLS, genes=GENES, factors=4, seed=2, mean_total=500)
    counts = engine.read_counts(data, genes="all")
    fit = engine.fit(counts, engine.LDAConfig(max_passes=100))
    found = chosen(fit)
    assert found.size == fit.n_topics
    assert found.tried[0].size == 1
    assert 4 <= found.size <= 10
    assert all(one.structure is None for one in found.tried)
    assert "topics: the fewest that predict" in found.reason


def test_topics_that_have_settled_are_compared() -> None:
    """After a few passes seven topics score better than those that there are."""
    data = simulate("lda", cells=CELLS, genes=GENES, factors=2, seed=2, mean_total=1500)
    assert engine.fit(engine.read_counts(data, genes="all"), engine.LDAConfig()).n_topics == 2
