"""Correlations of two groups of cells, each fitted by itself, and of groups of donors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import engine
from engine import checks
from engine.comparing.between_donors import BetweenDonors
from engine.comparing.differential import Differential
from engine.data import Counts, simulate
from engine.errors import ConfigError
from tests.tiny import FACTORS, GENES, LDA, LNM, tiny_counts, tiny_fit


@dataclass(frozen=True)
class Told:
    """Stands for the uncertainty of a donor's fit: Fisher's z of all pairs, and its error."""

    z: np.ndarray
    error: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        return np.zeros((len(self.z), 2))

    def estimates(self, genes: np.ndarray) -> Any:
        own = np.ix_(genes, genes)
        return SimpleNamespace(correlation=np.tanh(self.z[own]), fisher_error=self.error[own])


def symmetric(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.triu(values, 1) + np.triu(values, 1).T)


def told(
    rng: np.random.Generator, theta: np.ndarray, sds: list[float], between: float
) -> tuple[Told, ...]:
    """A donor for each error: ``z ~ N(theta, s^2 + between^2)``."""
    size = theta.shape
    return tuple(
        Told(
            theta + symmetric(rng.normal(0, np.hypot(sd, between), size)),
            np.full(size, sd),
        )
        for sd in sds
    )


class TestBetweenDonors:
    @pytest.mark.parametrize("paired", [False, True])
    @pytest.mark.parametrize("between", [0.0, 0.3])
    def test_the_size_and_what_is_found(self, paired: bool, between: float) -> None:
        """Donors of unlike cells, and of effects of their own or none."""
        rng = np.random.default_rng(3)
        theta = symmetric(rng.normal(0, 0.4, (40, 40)))
        moved = theta.copy()
        moved[:4, 4:10] += 1.5
        moved[4:10, :4] += 1.5
        one = told(rng, moved, [0.1, 0.2, 0.1, 0.4], between)
        other = told(rng, theta, [0.2, 0.1, 0.3, 0.1], between)
        found = BetweenDonors(one, other, paired)  # type: ignore[arg-type]
        _, _, change, error = found(np.arange(40))
        upper = np.triu(np.ones((40, 40), bool), 1)
        real = moved != theta
        away = np.abs(change[upper] / error[upper])
        assert (away[~real[upper]] > 1.96).mean() == pytest.approx(0.05, abs=0.025)
        assert (away[real[upper]] > 1.96).mean() > 0.9
        # The same whichever others are asked for.
        some = found(np.array([2, 7, 30]))
        assert some.error[0, 1] == pytest.approx(error[2, 7])
        whole = Differential(pd.Index([f"g{g}" for g in range(40)]), found)
        assert (whole.change(np.arange(40)).lfsr[upper & ~real] < 0.05).mean() < 0.01

    def test_a_donor_that_tells_nothing_of_a_gene(self) -> None:
        rng = np.random.default_rng(0)
        one, other = (told(rng, np.zeros((9, 9)), [0.1] * 4, 0.1) for _ in range(2))
        error = one[0].error.copy()
        error[0] = error[:, 0] = np.inf
        blind = (replace(one[0], error=error), *one[1:])
        found = BetweenDonors(blind, other, False)(np.arange(9))  # type: ignore[arg-type]
        without = np.mean([t.z[0, 1:] for t in one[1:]], axis=0)
        np.testing.assert_allclose(np.arctanh(found.one[0, 1:]), without, atol=1e-6)
        assert (found.error[np.triu_indices(9, 1)] > 0.01).all()


@pytest.fixture(scope="module")
def counts() -> Counts:
    """480 cells: six donors, three of them ill."""
    cells = np.arange(480)
    data = simulate("lnm", cells=480, genes=GENES, factors=FACTORS, seed=2)
    data.obs["donor"] = [f"d{n}" for n in cells // 80]
    data.obs["ill"] = cells >= 240
    return engine.read_counts(data, genes="all")


@pytest.mark.fit
class TestByGroup:
    def test_two_levels_of_a_column(self, counts: Counts) -> None:
        """The same as two fits that somebody made, with the priors of the first."""
        whole = tiny_fit(LNM)
        found = engine.differential_by(whole, counts, "ill")
        assert (found.unit, found.n_a, found.n_b) == ("cell", 240, 240)
        assert (found.a, found.b) == ("True", "False")
        # Five passes are allowed.
        assert any("did not converge" in note for note in found.notes)
        ill = counts.obs["ill"].to_numpy()
        prior, known = whole.prior, []
        config = replace(
            LNM,
            block_cells=240,
            loadings_scale=float(np.sqrt(np.trace(prior["loadings_covariance"]) / FACTORS)),
            noise_location=prior["noise_location"],
            noise_scale=prior["noise_scale"],
        )
        for cells in (ill, ~ill):
            own = counts.take(np.flatnonzero(cells))
            fit = engine.fit(own, config)
            known += [fit, checks.uncertainty(fit, own)]
        genes = np.arange(GENES)
        one, other = found.change(genes), engine.differential(*known).change(genes)
        np.testing.assert_allclose(one.change, other.change, atol=1e-4)
        np.testing.assert_allclose(one.lfsr, other.lfsr, atol=1e-3)

    def test_donors(self, counts: Counts) -> None:
        found = engine.differential_by(tiny_fit(LNM), counts, "ill", donor="donor")
        assert (found.unit, found.n_a, found.n_b, found.tested) == ("donor", 3, 3, True)
        pairs = found.pairs(np.arange(GENES))
        assert pairs.notna().all(axis=None)
        assert (pairs["lfsr"] < 0.05).mean() < 0.02
        apart = (pairs["correlation_a"] - pairs["correlation_b"]).abs()
        assert apart.quantile(0.9) < 0.25

    def test_few_donors_have_changes_alone(self, counts: Counts) -> None:
        donor = counts.obs["donor"]
        masks = tuple(donor.isin(own).to_numpy() for own in (["d0", "d1"], ["d2", "d3", "d4"]))
        found = engine.differential_by(tiny_fit(LNM), counts, masks, donor="donor")  # type: ignore[arg-type]
        pairs = found.pairs(np.arange(GENES))
        assert pairs["change"].abs().is_monotonic_decreasing
        assert pairs[["standard_error", "lfsr", "fsos"]].isna().all(axis=None)
        assert "there are 2 and 3" in found.notes[0]

    def test_what_is_refused(self, counts: Counts) -> None:
        ill = counts.obs["ill"].to_numpy()
        fit = tiny_fit(LNM)
        for by, words in (
            ((ill, np.ones(480, bool)), "240 cells in both"),
            ((np.arange(480) < 39, ill), "at least 40 cells"),
            ("donor", "6 levels"),
            ("nothing", "'nothing'"),
        ):
            with pytest.raises(ConfigError, match=words):
                engine.differential_by(fit, counts, by)
        with pytest.raises(ConfigError, match="lda"):
            engine.differential_by(tiny_fit(LDA), tiny_counts("lda"), "ill")
