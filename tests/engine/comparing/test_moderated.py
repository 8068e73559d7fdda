from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.comparing import moderated
from engine.comparing.effects_table import effects_table, largest_first, s_values
from engine.fitting.estimates import Estimates


def p_values(found: Estimates) -> np.ndarray:
    return np.asarray(2 * stats.t.sf(np.abs(found.value) / found.error, found.freedom))


@pytest.mark.parametrize("donors", [3, 6])
def test_the_size_of_a_test_of_few_donors(donors: int) -> None:
    """Of genes whose variances differ much, 5 % have p < 0.05."""
    rng = np.random.default_rng(0)
    sd = np.sqrt(4 / rng.chisquare(4, 4000))[:, None]
    one, other = (sd * rng.normal(size=(4000, donors)) for _ in range(2))
    for found in (moderated.paired(one), moderated.unpaired(one, other)):
        assert np.mean(p_values(found) < 0.05) == pytest.approx(0.05, abs=0.012)
        assert found.freedom > donors - 1


def test_variances_that_are_alike_are_pooled() -> None:
    one = np.random.default_rng(0).normal(size=(2000, 4))
    found = moderated.paired(one)
    assert found.freedom > 50
    np.testing.assert_allclose(found.error, 0.5, rtol=0.15)


def test_what_is_not_tested_has_no_rates() -> None:
    table = effects_table(Estimates(np.array([1.0, -3.0]), np.full(2, np.nan), 0.0))
    assert table["p_value"].isna().all()
    assert table["lfsr"].isna().all()
    assert list(largest_first(table, "difference")["difference"]) == [-3, 1]


def test_a_table_of_effects() -> None:
    rng = np.random.default_rng(1)
    true = np.where(np.arange(1000) < 200, rng.normal(0, 2, 1000), 0)
    found = effects_table(Estimates(true + 0.3 * rng.normal(size=1000), np.full(1000, 0.3), np.inf))
    claimed = found["lfsr"] < 0.05
    assert claimed.sum() > 100
    wrong = np.sign(found["difference"]) != np.sign(true)
    assert (wrong & claimed).sum() <= 0.05 * claimed.sum() + 3
    assert ((found["low_90"] <= true) & (true <= found["high_90"])).mean() > 0.88
    ordered = largest_first(found, "difference")
    least = np.maximum(ordered["low_90"], -ordered["high_90"])
    assert (np.diff(np.maximum(least, 0)) <= 0).all()


def test_s_values() -> None:
    np.testing.assert_allclose(s_values(np.array([0.3, 0.1, 0.2])), [0.2, 0.1, 0.15])
