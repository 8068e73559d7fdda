from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import polygamma

import engine
from engine.data import Counts, simulate
from engine.lnm import totals as module
from engine.lnm.design import Design
from engine.lnm.shared_capture import binned, trigamma_root
from engine.lnm.totals import capture, depth_column, fit_totals
from engine.results import Capture, Totals
from tests.engine.problems import counts_of

POPULATION = engine.LNMConfig(capture=True, n_factors=2)
ANCHORED = replace(POPULATION, capture_prior="anchored")
LOWEST, HIGHEST = np.exp((-5.0, 12.0))


def captured(cells: int, seed: int = 0, **arguments: float) -> tuple[Counts, np.ndarray]:
    adata = simulate("lnmvcp", cells=cells, genes=5, factors=2, seed=seed, **arguments)
    return engine.read_counts(adata, genes="all"), adata.obs["true_eta"].to_numpy()


@cache
def anchored_fit(cells: int) -> tuple[Counts, Totals, Capture | None]:
    """Of so many cells, made once."""
    counts, _ = captured(cells)
    return counts, *fit_totals(counts, ANCHORED)


class TestPlain:
    def test_mean_and_concentration_are_recovered(self) -> None:
        adata = simulate(cells=3000, genes=5, factors=2, seed=1, total_concentration=4)
        counts = engine.read_counts(adata, genes="all")
        found, none = fit_totals(counts, engine.LNMConfig())
        assert none is None
        assert found.mean == counts.totals.mean()
        assert found.concentration == pytest.approx(4, rel=0.1)
        assert found.eta_location is None

    def test_equal_totals_settle_inside_the_bounds(self) -> None:
        """Less spread than Poisson: the prior of r keeps it finite."""
        counts = counts_of(np.full((500, 4), 25))
        found, _ = fit_totals(counts, engine.LNMConfig())
        assert 10 * LOWEST < found.concentration < HIGHEST / 10

    def test_one_cell(self) -> None:
        found, _ = fit_totals(counts_of(np.array([[3, 4]])), engine.LNMConfig())
        assert 10 * LOWEST < found.concentration < HIGHEST / 10


class TestAnchored:
    def test_new_cells_are_those_of_the_shared_prior(self) -> None:
        counts, anchored, own = anchored_fit(500)
        shared, other = fit_totals(counts, POPULATION)
        assert anchored == shared
        assert own is not None
        assert other is not None
        assert np.corrcoef(own.eta, np.log(counts.library_size))[0, 1] < -0.99
        assert own.eta.std() > 1.3 * other.eta.std()

    def test_concentration_settles(self) -> None:
        """Four times the cells are more data of the same kind, and no reason for another r.

        It is that of the shared prior, as the test above says.
        """
        estimates = [anchored_fit(n)[1].concentration for n in (500, 2000)]
        assert estimates[1] == pytest.approx(estimates[0], rel=0.5)
        assert all(10 * LOWEST < r < HIGHEST / 100 for r in estimates)

    def test_the_error_of_eta_is_the_one_told(self) -> None:
        counts, truth = captured(1500)
        _, found = fit_totals(counts, ANCHORED)
        assert found is not None
        surprise = (found.eta - truth) / found.eta_sd
        assert np.sqrt((surprise**2).mean()) < 2

    def test_the_mean_is_that_of_the_modelled_share(self) -> None:
        counts, whole, _ = anchored_fit(300)
        half = replace(counts, library_size=2 * counts.totals)
        assert whole.mean == pytest.approx(2e5)
        assert fit_totals(half, ANCHORED)[0].mean == pytest.approx(1e5)

    def test_efficiency_follows_the_library_size(self) -> None:
        counts, _, found = anchored_fit(300)
        assert found is not None
        order = np.argsort(counts.library_size)
        assert (np.diff(found.efficiency[order]) >= -1e-12).all()
        assert ((found.efficiency > 0) & (found.efficiency < 1)).all()

    def test_more_library_than_molecules(self) -> None:
        counts, _ = captured(200)
        _, found = fit_totals(counts, replace(ANCHORED, molecules=500.0))
        assert found is not None
        assert np.isfinite(found.eta).all()
        assert (found.efficiency <= 1).all()
        assert (found.eta >= 0).all()


class TestPopulation:
    @pytest.mark.parametrize("molecules", [2e5, 1e4])
    def test_location_and_scale_are_recovered(self, molecules: float) -> None:
        counts, truth = captured(1500, seed=3, molecules=molecules, capture_spread=0.4)
        config = replace(POPULATION, molecules=molecules)
        found, efficiency = fit_totals(counts, config)
        assert found.eta_location == pytest.approx(truth.mean(), abs=0.06)
        assert found.eta_scale == pytest.approx(truth.std(), rel=0.35)
        assert found.concentration == pytest.approx(5, rel=0.6)
        assert efficiency is not None
        surprise = (efficiency.eta - truth) / efficiency.eta_sd
        assert np.sqrt((surprise**2).mean()) == pytest.approx(1, abs=0.2)
        assert np.corrcoef(efficiency.eta, truth)[0, 1] > 0.5

    @pytest.mark.slow
    @pytest.mark.parametrize(("spread", "concentration"), [(0.8, 5.0), (0.25, 20.0)])
    def test_intervals_hold_the_truth_where_priors_are_far_from_it(
        self, spread: float, concentration: float
    ) -> None:
        """What totals cannot tell is integrated over: their estimates alone held 80 %."""
        held = []
        for seed in range(3):
            counts, truth = captured(
                1000,
                seed=seed,
                mean_total=1000.0,
                capture_spread=spread,
                total_concentration=concentration,
            )
            _, found = fit_totals(counts, POPULATION)
            assert found is not None
            held.append((np.abs(found.eta - truth) < 1.645 * found.eta_sd).mean())
        assert 0.84 < np.mean(held) < 0.97

    def test_alternatives_share_the_spread_of_the_totals(self) -> None:
        counts, _ = captured(1000)
        found, own = fit_totals(counts, POPULATION)
        weights, _, scales, concentrations = np.array(found.alternatives).T
        assert weights.sum() == pytest.approx(1)
        spread = scales**2 + polygamma(1, concentrations)
        np.testing.assert_allclose(spread, np.log(counts.totals).var(), rtol=0.15)
        assert np.ptp(scales) > 0.1
        assert own is not None
        alone = capture(counts, POPULATION, replace(found, alternatives=()))
        assert alone is not None
        # They disagree most on the cells that are farthest from the others.
        far = np.argmax(counts.totals)
        assert own.eta_sd[far] > alone.eta_sd[far]

    def test_cells_of_one_total_are_alike(self) -> None:
        _, found = fit_totals(counts_of(np.array([[3, 4], [5, 2], [9, 30]])), POPULATION)
        assert found is not None
        assert found.eta[0] == found.eta[1] > found.eta[2]

    @pytest.mark.parametrize("value", [1e-4, 0.22, 3.0, 1e6])
    def test_the_root_of_the_trigamma_function(self, value: float) -> None:
        assert polygamma(1, trigamma_root(value)) == pytest.approx(value)

    def test_totals_between_nodes_are_shared_by_them(self) -> None:
        totals = np.random.default_rng(0).lognormal(7, 0.8, 5000).round()
        nodes, cells = binned(totals)
        assert len(nodes) == 128
        assert cells.sum() == pytest.approx(5000)
        assert cells @ np.log(nodes) == pytest.approx(np.log(totals).sum(), rel=1e-4)
        few, own = binned(np.array([3.0, 7.0, 3.0]))
        assert few.tolist() == [3, 7]
        assert own.tolist() == [2, 1]

    def test_the_totals_it_predicts_spread_as_those_seen(self) -> None:
        counts, _ = captured(1500, seed=3)
        found, _ = fit_totals(counts, POPULATION)
        assert found.eta_location is not None
        assert found.eta_scale is not None
        rng = np.random.default_rng(0)
        eta = rng.normal(found.eta_location, found.eta_scale, 200_000)
        mean = found.mean * np.exp(-eta[eta > 0])
        drawn = rng.poisson(rng.gamma(found.concentration, mean / found.concentration))
        seen = counts.totals
        assert drawn.mean() == pytest.approx(seen.mean(), rel=0.1)
        assert drawn.std() / drawn.mean() == pytest.approx(seen.std() / seen.mean(), rel=0.15)


@pytest.fixture(scope="module")
def two() -> tuple[Counts, np.ndarray]:
    """Two batches, the second captured a fifth as well."""
    parts = [captured(600, seed=s, mean_total=t) for s, t in ((1, 3000.0), (2, 600.0))]
    matrices = [one.matrix() for one, _ in parts]
    names = np.repeat(["deep", "flat"], [one.n_cells for one, _ in parts])
    genes = parts[0][0].genes
    counts = Counts.from_arrays(
        sparse.vstack(matrices),
        genes,
        [f"c{c}" for c in range(len(names))],
        obs=pd.DataFrame({"batch": names, "half": np.arange(len(names)) % 2 == 0}),
    )
    return counts, np.concatenate([eta for _, eta in parts])


class TestByBatch:
    @pytest.mark.slow
    def test_capture_is_honest_in_each(self, two: tuple[Counts, np.ndarray]) -> None:
        """A prior that both share takes cells of the flat one for better captured ones."""
        counts, truth = two
        design = Design.of("~ half + batch", counts.obs)
        assert depth_column(design, counts) == "batch"
        known, found = fit_totals(counts, POPULATION, design)
        shared = fit_totals(counts, POPULATION)[1]
        assert found is not None
        assert shared is not None
        assert [name for name, _ in known.levels] == ["deep", "flat"]
        for name, eta in ((name, counts.obs["batch"] == name) for name in ("deep", "flat")):
            held = (np.abs(found.eta - truth) < 1.645 * found.eta_sd)[eta].mean()
            assert 0.8 < held < 0.98, name
            away = [abs(float(np.mean((one.eta - truth)[eta]))) for one in (found, shared)]
            assert away[0] < 0.5 * away[1], name
        again = Totals.of(json.loads(json.dumps(asdict(known))))
        assert again == known
        one = capture(counts.take(np.array([700, 3])), POPULATION, again)
        assert one is not None
        np.testing.assert_allclose(one.eta, found.eta[[700, 3]])

    def test_totals_are_drawn_by_batch(self, two: tuple[Counts, np.ndarray]) -> None:
        counts, _ = two
        design = Design.of("~ batch", counts.obs)
        known, _ = fit_totals(counts, engine.LNMConfig(), design)
        for name, one in known.levels:
            own = (counts.obs["batch"] == name).to_numpy()
            assert one.mean == pytest.approx(counts.totals[own].mean())
        parts = known.parts(counts.obs)
        assert [len(cells) for cells, _ in parts] == [600, 600]
        # A level that was not fitted has what all have in common.
        assert known.parts(pd.DataFrame({"batch": ["new"]}))[0][1] is known

    def test_without_a_categorical_covariate_all_share_one(
        self, two: tuple[Counts, np.ndarray]
    ) -> None:
        counts, _ = two
        obs = counts.obs.assign(depth=np.log(counts.totals))
        assert depth_column(Design.of("~ depth + (1 | batch)", obs), counts) == ""

    def test_a_covariate_that_depth_does_not_follow_is_none(
        self, two: tuple[Counts, np.ndarray]
    ) -> None:
        counts, _ = two
        rng = np.random.default_rng(0)
        by_chance = {f"x{levels}": rng.integers(levels, size=1200) for levels in (2, 5, 10)}
        obs = counts.obs.assign(**by_chance)
        for name in by_chance:
            assert depth_column(Design.of(f"~ {name}", obs), replace(counts, obs=obs)) == ""
        whole = Design.of("~ " + " + ".join([*by_chance, "batch"]), obs)
        assert depth_column(whole, replace(counts, obs=obs)) == "batch"


def test_large_data_are_sampled_and_done_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, _ = captured(600)
    whole = capture(counts, ANCHORED, engine.results.Totals(2e5, 5.0))
    monkeypatch.setattr(module, "_CHUNK", 70)
    parts = capture(counts, ANCHORED, engine.results.Totals(2e5, 5.0))
    assert whole is not None
    assert parts is not None
    np.testing.assert_allclose(parts.eta, whole.eta)
    monkeypatch.setattr(module, "_SAMPLE", 300)
    sampled = fit_totals(counts, engine.LNMConfig())[0].concentration
    monkeypatch.setattr(module, "_SAMPLE", 10_000)
    assert sampled == pytest.approx(
        fit_totals(counts, engine.LNMConfig())[0].concentration, rel=0.3
    )


def test_without_capture_there_is_none() -> None:
    counts, _ = captured(50)
    assert capture(counts, engine.LNMConfig(), engine.results.Totals(1.0, 1.0)) is None
