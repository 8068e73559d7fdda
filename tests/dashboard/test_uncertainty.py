from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashboard.actions import connect
from dashboard.browser import Browser
from dashboard.cards.explore.gene_correlations import HEAD, TOPICS, _head
from dashboard.cards.topics.gene_columns import values
from dashboard.cards.uncertainty import (
    gene_intervals,
    interval,
    line,
    pair_uncertainty,
    rate,
    stability,
)
from dashboard.plots.heatmap import (
    GENES,
    UNCERTAINTY_COLUMNS,
    UNCERTAINTY_ROWS,
    VALUE,
    Heatmap,
    clustered,
)
from dashboard.plots.loading_bars import LoadingBars
from dashboard.plots.topic_bars import TopicBars
from dashboard.runner import Runner
from dashboard.state import AppState
from engine import summaries
from engine.checks import ResidualStructure, TopicUncertainty, Uncertainty
from engine.checks.uncertainty.gene_blocks import GeneBlocks
from engine.checks.uncertainty.replicates import Replicates
from engine.errors import ConfigError
from engine.jobs.job import JobHandle
from engine.jobs.uncertainties import UNCERTAINTY
from engine.results import Fit
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.waiting import PATIENCE

Until = Callable[[Callable[[], object]], None]


def make_uncertainty(fit: Fit, scale: float = 0.01) -> Uncertainty:
    """Independent loadings of equal variance, nothing shared by genes."""
    genes, factors = fit.loadings.shape
    packed = factors * (factors + 1) // 2
    blocks = GeneBlocks(
        np.tile(scale * np.eye(factors), (genes, 1, 1)),
        np.zeros(genes),
        np.zeros((packed, packed)),
    )
    return Uncertainty(fit.loadings, fit.noise, blocks, fit.status.passes)


@pytest.fixture
def fitted(runner: Runner, state: AppState, steps: object, until: Until) -> AppState:
    steps.go_on.set()  # type: ignore[attr-defined]
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit is not None and not state.partial)
    return state


class TestAsking:
    @pytest.fixture(autouse=True)
    def _fake_jobs(self, monkeypatch: pytest.MonkeyPatch, fitted: AppState) -> None:
        """Jobs save these errors as they are, and the page reads what they saved."""
        self.saved: dict[str, Uncertainty] = {}
        self.submitted: list[str] = []
        assert isinstance(fitted.fit, Fit)
        self.errors: Uncertainty | None = make_uncertainty(fitted.fit)

        def submit(_of: object, jobs: object, run: str, method: str, n_boot: int, _: int) -> str:
            def work(handle: JobHandle) -> None:
                if method == "bootstrap" and n_boot == 50:
                    raise ConfigError("more cells", "too few", "Take more.")
                if self.errors is not None:
                    self.saved[run] = self.errors

            self.submitted.append(method if method == "delta" else f"{method} {n_boot}")
            return str(jobs.submit("uncertainty", work))  # type: ignore[attr-defined]

        kind = type(UNCERTAINTY)
        monkeypatch.setattr(kind, "submit", submit)
        monkeypatch.setattr(kind, "read", lambda _of, _jobs, run: self.saved.get(run))

    def test_to_fade_pairs_is_to_ask(self, fitted: AppState, until: Until) -> None:
        assert fitted.uncertainty is None
        fitted.max_fsos = 0.05
        until(lambda: fitted.uncertainty is self.errors)
        assert (self.submitted, fitted.uncertainty_progress) == (["delta"], "")
        fitted.max_fsos = 0.01
        assert self.submitted == ["delta"]

    def test_another_run_has_its_own(self, fitted: AppState, runner: Runner, until: Until) -> None:
        fitted.uncertainty_method = "delta"
        until(lambda: fitted.uncertainty is self.errors)
        first = fitted.run
        runner.fit()
        until(lambda: fitted.run != first and fitted.fit is not None and not fitted.partial)
        assert fitted.uncertainty is None
        assert first is not None
        runner.open(first)
        until(lambda: fitted.uncertainty is self.errors)

    def test_what_fades_is_asked_of_the_next_run_too(
        self, fitted: AppState, runner: Runner, until: Until
    ) -> None:
        fitted.max_fsos = 0.05
        until(lambda: fitted.uncertainty is self.errors)
        first = fitted.run
        runner.fit()
        until(lambda: fitted.run != first and fitted.uncertainty is self.errors)
        assert (self.submitted, fitted.max_fsos) == (["delta", "delta"], 0.05)

    def test_nothing_fades_where_nothing_was_kept(self, fitted: AppState, until: Until) -> None:
        self.errors = None
        fitted.max_fsos = 0.05
        until(lambda: fitted.max_fsos == 1.0)
        assert self.submitted == ["delta"]

    def test_an_answer_that_comes_late_starts_nothing(
        self, fitted: AppState, runner: Runner, until: Until, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reading the saved errors ends after a job that was started meanwhile."""
        self.errors = None
        go_on, looks = [threading.Event(), threading.Event()], []

        def read(*_arguments: object) -> None:
            looks.append(None)
            assert go_on[len(looks) - 1].wait(PATIENCE)

        monkeypatch.setattr(type(UNCERTAINTY), "read", read)
        assert isinstance(fitted.fit, Fit)
        fitted.show_fit(replace(fitted.fit))
        until(lambda: len(looks) == 1)
        fitted.max_fsos = 0.05
        until(lambda: len(looks) == 2)
        go_on[0].set()
        for _ in range(20):
            runner.tick()
            time.sleep(0.01)
        go_on[1].set()
        until(lambda: fitted.max_fsos == 1.0)
        assert self.submitted == ["delta"]

    def test_so_many_refits_and_the_way_back(self, fitted: AppState, until: Until) -> None:
        browser = Browser()
        connect(browser, fitted)
        refits = "200", "bootstrap 200"
        for value, method in (refits, ("delta", "delta"), refits):
            browser._handle_msg({"act": "uncertainty", "value": value})
            until(lambda: not fitted.uncertainty_progress and fitted.uncertainty is self.errors)
            assert self.submitted[-1] == method
        for wrong in ("bootstrap", "7", "1e9"):
            browser._handle_msg({"act": "uncertainty", "value": wrong})
        assert len(self.submitted) == 3

    def test_what_went_wrong_is_said(self, fitted: AppState, until: Until) -> None:
        fitted.uncertainty_method = "bootstrap"
        until(lambda: fitted.run_error is not None)
        assert fitted.run_error is not None
        assert "too few" in fitted.run_error.got
        assert (fitted.uncertainty, fitted.uncertainty_progress) == (None, "")


class TestShown:
    def test_the_heading_says_what_is_veiled(self) -> None:
        fit = make_fit()
        result = make_uncertainty(fit)
        assert "|r| &lt; 0.1 with a probability above 5 %" in _head(fit, 0.05, result, "").how
        assert _head(fit, 0.05, None, "") == _head(fit, 1.0, result, "") == HEAD
        assert "at work." in _head(fit, 0.05, None, "at work").how
        assert _head(make_topic_fit(), 0.05, None, "") == TOPICS

    def test_the_heading_says_what_factors_miss(self) -> None:
        fit = make_fit()
        missed = ResidualStructure(2, 100, 3.0, 0.9, 0.05, ("LYZ", "CST3"), ())
        result = replace(make_uncertainty(fit), structure=missed)
        bare = _head(fit, 1.0, result, "").how
        assert "Take more factors: genes vary together beyond these 2." in bare
        assert "beyond the 2 factors: most of all LYZ, CST3." in bare
        veiled = _head(fit, 0.05, result, "").how
        assert "Too few factors" in veiled
        assert "above 5 %" in veiled
        assert missed.words in veiled
        nothing = replace(result, structure=replace(missed, largest=0.9, nothing=True))
        assert "There is nothing to find" in _head(fit, 1.0, nothing, "").how
        assert "Nothing to find. Veiled" in _head(fit, 0.05, nothing, "").how
        paired = replace(missed, largest=0.9, pairs=(("LYZ", "CST3"),))
        of_pair = replace(result, structure=paired)
        assert "LYZ and CST3 are correlated beyond" in _head(fit, 1.0, of_pair, "").how
        assert "LYZ and CST3 are missed. Veiled" in _head(fit, 0.05, of_pair, "").how
        tested = replace(fit, data={"structure": missed.to_dict()})
        assert "beyond the 2 factors" in _head(tested, 1.0, None, "").how
        assert _head(tested, 1.0, None, "", "on its way") == HEAD

    def test_veiled_where_a_correlation_is_not_sure(self) -> None:
        fit = make_fit()
        table = clustered(summaries.clr_correlation(fit, list(fit.genes[:12])))
        heatmap = Heatmap()
        heatmap.show(table)
        tables = pair_uncertainty(fit, make_uncertainty(fit, 0.05), list(table.columns))
        assert tables is not None
        heatmap.show_uncertainty(tables, 0.01)
        veil = heatmap._veil.data["image"][0]
        np.testing.assert_array_equal(veil[::-1], tables["fsos"] > 0.01)
        assert 0 < veil.sum() < veil.size
        for name in UNCERTAINTY_COLUMNS:
            shown = heatmap._image.data[name][0][::-1]
            np.testing.assert_allclose(shown, tables[name], rtol=1e-6)
        assert heatmap._hover.tooltips == [*GENES, VALUE, *UNCERTAINTY_ROWS]
        np.testing.assert_allclose(heatmap.values[::-1], table, rtol=1e-6)
        heatmap.show_uncertainty(None)
        assert not heatmap._veil.data["image"][0].any()
        assert heatmap._hover.tooltips == [*GENES, VALUE]

    def test_bars_carry_their_intervals(self) -> None:
        fit = make_fit()
        bars, loadings = LoadingBars(), summaries.loadings(fit)
        ends = gene_intervals(fit, make_uncertainty(fit), 0)
        bars.show(loadings.iloc[:, 0], "factor 1", ends=ends)
        assert bars._hover.tooltips[-1] == ("false sign", "@lfsr{0.0000}")
        drawn, data = bars._bars.data, bars._errors.data
        assert len(data["y"]) == len(drawn["loading"]) > 0
        assert np.all(data["low"] < drawn["loading"])
        assert np.all(drawn["loading"] < data["high"])
        assert min(bars.figure.x_range.start, bars.figure.x_range.end) < data["low"].min()
        bars.show(loadings.iloc[:, 1], "factor 2")
        assert len(bars._errors.data["y"]) == 0
        assert len(bars._hover.tooltips) == 2

    def test_words(self) -> None:
        assert interval(-0.912, 0.05) == "−0.91 to 0.05"
        assert rate(1e-9) == "< 0.001"
        assert rate(0.25) == "0.250"

    def test_each_method_offers_the_other(self) -> None:
        fit = make_fit()
        by_delta = make_uncertainty(fit)
        assert "50 refits" in line(by_delta, "")
        assert 'data-value="delta"' not in line(by_delta, "")
        genes, factors = fit.loadings.shape
        empty = np.zeros((3, genes, factors)), np.zeros((3, genes)), np.zeros((3, factors))
        spread = Replicates(*empty)
        refitted = replace(by_delta, spread=spread)
        assert "3 replicates" in line(refitted, "")
        assert 'data-value="delta"' in line(refitted, "")

    def test_how_sure_a_topic_is(self) -> None:
        fit = make_topic_fit()
        rng = np.random.default_rng(0)
        drawn = np.stack([rng.permutation(fit.topics) for _ in range(6)])
        cosines = np.full((6, fit.n_factors), 0.5)
        unsure = TopicUncertainty(fit.topics, drawn, cosines, fit.is_gene, fit.status.passes)
        sure = TopicUncertainty(
            fit.topics, np.stack([fit.topics] * 6), cosines, fit.is_gene, fit.status.passes
        )
        assert stability(sure, 0) == "100 % of its top 20 genes stay so in 6 refits."
        assert stability(unsure, 0) != stability(sure, 0)
        ends = gene_intervals(fit, unsure, 1)
        assert ends is not None
        assert np.all(ends["low"] <= fit.topics[:, 1])
        assert np.all(fit.topics[:, 1] <= ends["high"])
        # Random genes in every refit: none is claimed.
        assert ends["lfsr"].min() > 0.05
        near = fit.topics * np.exp(0.01 * rng.standard_normal((6, *fit.topics.shape)))
        surely = gene_intervals(fit, replace(sure, replicates=near), 1)
        assert surely is not None
        assert (surely["lfsr"] < 0.05).mean() > 0.5
        ranked = summaries.ranking(fit, 1)
        bars = TopicBars()
        bars.rank(pd.DataFrame({"value": ranked["probability"]}).join(surely), "topic 2", "p")
        assert bars._hover.tooltips[-2:] == [
            ("90 %", "@low{0.00000} to @high{0.00000}"),
            ("false sign", "@lfsr{0.0000}"),
        ]
        assert bars._bars.data["lfsr"][-1] == surely["lfsr"][ranked.index[0]]
        assert np.isnan(values(ranked)[-1]).all()
        assert values(ranked.join(surely["lfsr"]))[-1][0] == surely["lfsr"][ranked.index[0]]
        assert "Refit weighted cells" in line(None, "", fit)
        assert "200 refits" in line(unsure, "")
        assert "6 replicates" in line(unsure, "")
        assert line(unsure, "at work").endswith("at work.")

    def test_topics_by_an_encoder_are_not_offered_what_fails(self) -> None:
        fit = make_topic_fit()
        words = line(None, "", replace(fit, config=replace(fit.config, inference="vae")))
        assert "button" in line(None, "", fit)
        assert "button" not in words
        assert "Fit these topics by EM" in words
