"""Intervals from the draws that a fit keeps, held to the summaries' own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine import checks
from engine.checks.uncertainty import draws as module
from engine.results import Fit
from engine.summaries import clr_correlation_interval
from tests.engine.checks.uncertainty.conftest import Simulated

pytestmark = pytest.mark.fit

DRAWS = 40


@pytest.fixture
def drawn(one: Simulated) -> Fit:
    """The fit, with draws about it as a fit by NUTS has them."""
    rng = np.random.default_rng(0)
    loadings = one.fit.loadings + rng.normal(0, 0.1, (DRAWS, *one.fit.loadings.shape))
    noise = one.fit.noise * rng.lognormal(0, 0.2, (DRAWS, len(one.fit.noise)))
    kept = {
        "mean_clr": np.tile(one.fit.mean_clr, (DRAWS, 1)).astype(np.float32),
        "loadings": loadings.astype(np.float32),
        "noise": noise.astype(np.float32),
    }
    return replace(one.fit, draws=kept)


def test_intervals_are_those_of_the_draws(
    drawn: Fit, one: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checks.uncertainty(drawn, one.counts)
    assert (found.method, found.n_boot, found.stability) == ("draws", 0, None)
    whole = found.estimates(one.genes)
    rows, columns = np.triu_indices(len(one.genes), 1)
    expected = clr_correlation_interval(drawn, drawn.genes[one.genes])
    own = whole.correlation[rows, columns]
    for ends, cut, name in ((whole.low, np.minimum, "lower"), (whole.high, np.maximum, "upper")):
        np.testing.assert_allclose(ends[rows, columns], cut(expected[name], own), atol=1e-6)
    # A sign that no draw has is at the end of no interval.
    clear = (expected["lower"] > 0) | (expected["upper"] < 0)
    assert clear.any()
    assert not clear.all()
    assert (whole.tail[rows, columns][clear] < 0.08).all()
    assert whole.tail.max() <= 0.5
    assert whole.tail[rows, columns][~clear].min() > 0.02
    np.testing.assert_array_equal(np.diag(whole.tail), 0)
    monkeypatch.setattr(module, "_MOST_ELEMENTS", 3 * len(one.genes) * DRAWS)
    for array, other in zip(whole, found.estimates(one.genes), strict=True):
        np.testing.assert_allclose(array, other, atol=1e-12)


def test_loadings_of_the_draws(drawn: Fit, one: Simulated) -> None:
    found = checks.uncertainty(drawn, one.counts).loadings()
    assert np.median(found.standard_error) == pytest.approx(0.1, rel=0.1)
    inside = (found.low <= one.fit.loadings) & (one.fit.loadings <= found.high)
    assert inside.mean() > 0.98


def test_draws_are_kept(drawn: Fit, one: Simulated, tmp_path: Path) -> None:
    found = checks.uncertainty(drawn, one.counts)
    again = checks.Uncertainty.load(found.save(tmp_path / "kept.npz"))
    assert again.method == "draws"
    for one_, other in zip(found.correlation(one.genes), again.correlation(one.genes), strict=True):
        np.testing.assert_array_equal(one_, other)
