"""Refitting weighted cells: of factors and of topics, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from engine import checks
from engine.checks.uncertainty.bootstrap import cell_weights, perturbed
from engine.checks.uncertainty.topic_refits import top
from engine.errors import ConfigError, FitError
from engine.lnm.laplace import Step, maximise
from engine.lnm.metric import Metric
from tests.engine.checks.uncertainty.conftest import Simulated, Topics

pytestmark = pytest.mark.fit


@pytest.fixture(scope="module")
def of_topics(topics: Topics) -> checks.TopicUncertainty:
    return checks.topic_bootstrap(topics.fit, topics.counts, n_boot=12)


def test_weights() -> None:
    weights = np.stack([cell_weights(1000, 3, number) for number in range(50)])
    np.testing.assert_allclose(weights.mean(1), 1)
    assert weights.min() > 0
    assert weights.std() == pytest.approx(1, rel=0.02)
    np.testing.assert_array_equal(weights[7], cell_weights(1000, 3, 7))
    assert abs(np.corrcoef(weights[0], weights[1])[0, 1]) < 0.1


def test_replicates_are_moved_as_their_prior_lets_them(one: Simulated) -> None:
    """By V P V, V a gene's posterior covariance and P the prior's precision."""
    steps = maximise(one.counts, one.fit.config, one.fit)
    point = next(step.point for step in steps if isinstance(step, Step))
    rng = np.random.default_rng(0)
    moved = np.stack([perturbed(point, rng) - point.theta for _ in range(500)])[..., :-2]
    covariance, _ = Metric(point, cautious=False).variances()
    expected = covariance @ point.prior.loadings_precision @ covariance
    found = np.einsum("ngi,ngj->gij", moved, moved) / len(moved)
    # Standard errors of 500 draws: 6 % of a variance, over all genes next to nothing.
    own, true = (np.einsum("gii->gi", of) for of in (found, expected))
    assert (own / true).mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(own, true, rtol=0.3)


def test_it_agrees_with_the_delta_method(
    one: Simulated, by_delta: checks.Uncertainty, by_bootstrap: checks.Uncertainty
) -> None:
    assert (by_bootstrap.method, by_bootstrap.n_boot) == ("bootstrap", 14)
    upper = np.triu_indices(len(one.genes), 1)
    found = by_bootstrap.correlation(one.genes).standard_error[upper]
    expected = by_delta.correlation(one.genes).standard_error[upper]
    assert np.median(found / expected) == pytest.approx(0.95, abs=0.2)
    ratio = by_bootstrap.loadings().standard_error / by_delta.loadings().standard_error
    assert np.median(ratio) == pytest.approx(1, abs=0.2)
    stability = by_bootstrap.stability
    assert stability is not None
    assert (stability > 0.8).all()
    assert by_delta.stability is None


def test_intervals_of_loadings_are_about_the_fit(
    one: Simulated, by_bootstrap: checks.Uncertainty, by_delta: checks.Uncertainty
) -> None:
    for found in (by_bootstrap.loadings(), by_delta.loadings()):
        assert found.standard_error.shape == one.fit.loadings.shape
        np.testing.assert_allclose(found.low + found.high, 2 * one.fit.loadings, atol=1e-9)
    # Student's t of thirteen degrees.
    few = by_bootstrap.loadings()
    assert ((few.high - few.low) / few.standard_error).mean() == pytest.approx(2 * 1.771, rel=1e-3)


def test_it_can_be_stopped(one: Simulated) -> None:
    steps = checks.bootstrap_iter(one.fit, one.counts, n_boot=500)
    seen = list(takewhile(lambda step: step.fraction < 3.5 / 500, steps))
    shares = [step.fraction for step in seen]
    assert shares == sorted(shares)
    known = [step.uncertainty.n_boot for step in seen if step.uncertainty is not None]
    assert known == [2, 3]


def test_a_seed_says_it_all(one: Simulated, by_bootstrap: checks.Uncertainty) -> None:
    again = checks.bootstrap(one.fit, one.counts, n_boot=2)
    np.testing.assert_array_equal(again.spread[0], by_bootstrap.spread[0][:2])
    other = checks.bootstrap(one.fit, one.counts, n_boot=2, seed=1)
    assert not np.allclose(other.spread[0], again.spread[0])


@pytest.mark.parametrize("settings", [{"n_boot": 1}, {"n_boot": 1001}, {"seed": -1}])
def test_numbers_out_of_range(one: Simulated, topics: Topics, settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        checks.bootstrap(one.fit, one.counts, **settings)
    with pytest.raises(ConfigError):
        checks.topic_bootstrap(topics.fit, topics.counts, **settings)


def test_each_model_has_its_own(one: Simulated, topics: Topics) -> None:
    with pytest.raises(ConfigError, match="topic_bootstrap"):
        checks.bootstrap(topics.fit, topics.counts)
    with pytest.raises(ConfigError, match="Use the bootstrap of factors"):
        checks.topic_bootstrap(one.fit, one.counts)
    encoded = replace(topics.fit, config=replace(topics.fit.config, inference="vae"))
    with pytest.raises(ConfigError, match="Fit these topics by inference='em'"):
        checks.topic_bootstrap(encoded, topics.counts)


def test_topics(topics: Topics, of_topics: checks.TopicUncertainty) -> None:
    assert of_topics.n_boot == 12
    np.testing.assert_allclose(of_topics.replicates.sum(1), 1, rtol=1e-4)
    assert (of_topics.stability > 0.95).all()
    found = of_topics.topics()
    assert (found.low < topics.fit.topics).all()
    assert (topics.fit.topics <= found.high).all()
    assert found.high.max() <= 1
    # Counts of a frequent feature are many, of a rare one few.
    order = np.argsort(-topics.fit.topics[:, 0])
    errors = found.standard_error[order, 0]
    assert errors[:10].mean() < 0.5 * errors[-10:].mean()


def test_rankings_of_topics(topics: Topics, of_topics: checks.TopicUncertainty) -> None:
    share = of_topics.among_top(5)
    np.testing.assert_allclose(share.sum(0), 5)
    first = topics.fit.topics.argmax(0)
    np.testing.assert_array_equal(share[first, np.arange(3)], 1)
    own = top(topics.fit.topics, topics.fit.is_gene, 5)
    np.testing.assert_allclose(of_topics.top_stability(5), (share * own).sum(0) / 5)
    assert (of_topics.top_stability(5) > 0.6).all()
    # Of all there are, all are.
    np.testing.assert_allclose(of_topics.top_stability(1000), 1)


@pytest.mark.parametrize("method", ["by_delta", "by_bootstrap"])
def test_it_is_kept_in_a_file(
    request: pytest.FixtureRequest, one: Simulated, tmp_path: Path, method: str
) -> None:
    found: checks.Uncertainty = request.getfixturevalue(method)
    missed = checks.ResidualStructure(2, 300, 3.0, 0.9, 0.05, ("A", "β"), ("C",), "batch", 0.7)
    found = replace(found, structure=missed)
    again = checks.Uncertainty.load(found.save(tmp_path / "uncertainty.npz"))
    assert (again.method, again.n_boot, again.passes) == (found.method, found.n_boot, found.passes)
    for array, expected in zip(
        again.correlation(one.genes), found.correlation(one.genes), strict=True
    ):
        np.testing.assert_array_equal(array, expected)
    np.testing.assert_array_equal(again.loadings().low, found.loadings().low)
    assert again.structure == missed
    assert [path.name for path in tmp_path.iterdir()] == ["uncertainty.npz"]


def test_that_of_topics_is_kept_in_a_file(
    of_topics: checks.TopicUncertainty, by_delta: checks.Uncertainty, tmp_path: Path
) -> None:
    path = of_topics.save(tmp_path / "topics.npz")
    again = checks.TopicUncertainty.load(path)
    np.testing.assert_array_equal(again.topics().high, of_topics.topics().high)
    np.testing.assert_array_equal(again.top_stability(), of_topics.top_stability())
    with pytest.raises(FitError):
        checks.Uncertainty.load(path)
    with pytest.raises(FitError):
        checks.TopicUncertainty.load(by_delta.save(tmp_path / "other.npz"))


def test_files_that_cannot_be_read_or_written(by_delta: checks.Uncertainty, tmp_path: Path) -> None:
    (tmp_path / "damaged.npz").write_bytes(b"damaged")
    np.savez(tmp_path / "pickled.npz", centre=np.array([{}], dtype=object))
    for name in ("damaged.npz", "pickled.npz", "none.npz"):
        with pytest.raises(FitError, match=name):
            checks.Uncertainty.load(tmp_path / name)
    with pytest.raises(FitError, match="a place to write"):
        by_delta.save(tmp_path / "none" / "uncertainty.npz")
