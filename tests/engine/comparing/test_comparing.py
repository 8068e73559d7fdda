"""Coefficients and differences under one fit of cells of donors and conditions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import engine
from engine import checks
from engine.data import Counts
from engine.errors import ConfigError
from engine.results import Fit
from tests.engine.grouped import Grouped, grouped
from tests.tiny import LDA, LNM, tiny_counts, tiny_fit

pytestmark = pytest.mark.fit
FORMULA = "~ ill + (ill | donor)"


@dataclass(frozen=True)
class Donors:
    data: Grouped
    fit: Fit
    plain: Fit

    @property
    def counts(self) -> Counts:
        return self.data.counts

    @property
    def ill(self) -> np.ndarray:
        return self.counts.obs["ill"].to_numpy()


@pytest.fixture(scope="module")
def donors() -> Donors:
    """Six donors, 60 cells of each, half of them ill; a fifth of the genes changes."""
    number = np.arange(360)
    labels = pd.DataFrame({"ill": number % 2 == 0, "donor": [f"d{n}" for n in number // 60]})
    data = grouped(labels, effect=1.5, changed=0.2, of_donors=0.5, of_slopes=0.3)
    # In blocks of as many cells as groups of them are compared in: one compilation serves both.
    config = engine.LNMConfig(n_factors=3, formula=FORMULA, block_cells=256)
    plain = engine.fit(data.counts, replace(config, formula=None))
    return Donors(data, engine.fit(data.counts, config), plain)


def in_order(table: pd.DataFrame, fit: Fit) -> pd.DataFrame:
    return table.set_index("gene").loc[list(fit.genes)]


class TestCoefficients:
    def test_effects_with_the_errors_of_donors(self, donors: Donors) -> None:
        table = engine.coefficients(donors.fit)
        assert set(table["column"]) == {"ill[True]"}
        assert set(table["unit"]) == {"donor"}
        found = in_order(table, donors.fit)
        true = donors.data.effects
        true = true - np.average(true, weights=found["standard_error"] ** -2)
        away = (found["effect"] - true) / found["standard_error"]
        assert 0.6 < away.std() < 1.4
        assert (found["p_value"][np.abs(true) > 1.2] < 0.05).mean() > 0.8

    def test_they_agree_with_differences_between_donors(self, donors: Donors) -> None:
        found = in_order(engine.coefficients(donors.fit), donors.fit)
        other = engine.differences(donors.fit, donors.counts, donors.ill, donor="donor")
        genes = in_order(other.genes, donors.fit)
        assert np.corrcoef(found["effect"], genes["difference"])[0, 1] > 0.98
        ratio = found["standard_error"] / genes["standard_error"]
        assert 0.7 < ratio.median() < 1.4

    def test_units_of_a_covariate(self, donors: Donors) -> None:
        """Twice the unit, half the effect."""
        tables = []
        for times in (1, 2):
            dose = times * (np.where(donors.ill, 2.2, 0.5) + 0.1 * (np.arange(360) % 3))
            counts = replace(donors.counts, obs=donors.counts.obs.assign(dose=dose))
            config = engine.LNMConfig(n_factors=3, formula="~ dose", max_passes=12, block_cells=256)
            tables.append(in_order(engine.coefficients(engine.fit(counts, config)), donors.fit))
        one, twice = tables
        np.testing.assert_allclose(one["effect"], 2 * twice["effect"], rtol=1e-2, atol=1e-3)
        assert set(one["unit"]) == {"cell"}

    def test_without_covariates(self) -> None:
        with pytest.raises(ConfigError, match="LNMConfig"):
            engine.coefficients(tiny_fit(LNM))


class TestDifferences:
    def test_cells_of_two_groups(self, donors: Donors) -> None:
        """A plain fit and one with the condition among its covariates tell the same in all."""
        found = [
            engine.differences(fit, donors.counts, donors.ill) for fit in (donors.fit, donors.plain)
        ]
        told = [any("Take donor as the unit" in note for note in each.notes) for each in found]
        assert told == [True, False]
        assert [(one.unit, one.n_a, one.n_b) for one in found] == [("cell", 180, 180)] * 2
        assert any("total" in note for note in found[0].notes)
        assert not found[1].notes
        one, other = (in_order(each.genes, donors.fit) for each in found)
        # But for what genes that do not differ are told by.
        away = (one["difference"] - other["difference"]) / one["standard_error"]
        assert np.abs(away - away.median()).max() < 1.5
        assert np.corrcoef(one["difference"], donors.data.effects)[0, 1] > 0.95
        # All that the condition does to factors is by the covariate, and in the plain fit by none.
        factors = found[0].factors
        np.testing.assert_allclose(factors["difference"], factors["explained"], atol=0.1)
        assert "explained" not in found[1].factors
        seen = donors.counts.matrix()
        assert seen is not None
        share = np.asarray((seen[donors.ill] > 0).mean(0)).ravel()
        np.testing.assert_allclose(one["expressed_a"], share)
        np.testing.assert_allclose(one["fold_change"], np.exp(one["difference"]))
        back = engine.differences(donors.fit, donors.counts, ~donors.ill)
        mirrored = in_order(back.genes, donors.fit)
        np.testing.assert_allclose(mirrored["difference"], -one["difference"], atol=1e-3)

    @pytest.mark.parametrize("centre", ["precision", "median"])
    def test_a_constant_of_the_loadings_is_none_of_the_error(
        self, donors: Donors, centre: Literal["precision", "median"]
    ) -> None:
        """What all genes share is the cell's intensity: the model is the same."""
        moved = replace(donors.plain, loadings=donors.plain.loadings + np.array([0.5, -1, 2]))
        one, other = (
            in_order(
                engine.differences(fit, donors.counts, donors.ill, centre=centre).genes, donors.fit
            )
            for fit in (donors.plain, moved)
        )
        np.testing.assert_allclose(other["standard_error"], one["standard_error"], rtol=0.02)
        np.testing.assert_allclose(other["difference"], one["difference"], atol=0.01)

    @pytest.mark.parametrize("share", [0.5, 0.2])
    def test_the_size_of_the_test_under_random_splits(self, donors: Donors, share: float) -> None:
        rng, tail = np.random.default_rng(1), []
        for _ in range(6):
            chosen = rng.permutation(360) < share * 360
            genes = engine.differences(donors.fit, donors.counts, chosen).genes
            tail.append((genes["p_value"] < 0.05).mean())
            assert (genes["lfsr"] < 0.05).sum() <= 1
        assert np.mean(tail) == pytest.approx(0.05, abs=0.045)

    def test_what_covariates_explain_may_be_taken_out(self, donors: Donors) -> None:
        """All that the condition does, where it is one of them: nothing is left."""
        found = engine.differences(donors.fit, donors.counts, donors.ill, adjusted=True)
        assert any("tell the groups apart" in note for note in found.notes)
        assert (found.genes["lfsr"] < 0.05).sum() <= 1
        others = np.random.default_rng(0).random(len(donors.ill)) < 0.5
        found = engine.differences(donors.fit, donors.counts, others, adjusted=True)
        assert any("taken out of the differences" in note for note in found.notes)
        assert not any("tell the groups apart" in note for note in found.notes)
        with pytest.raises(ConfigError, match="adjust"):
            engine.differences(donors.plain, donors.counts, donors.ill, adjusted=True)

    def test_donors_in_both_groups(self, donors: Donors) -> None:
        """Cells of the same donors are no independent units: so their errors are too small."""
        found = engine.differences(donors.plain, donors.counts, donors.ill, donor="donor")
        assert (found.unit, found.n_a, found.n_b) == ("donor", 6, 6)
        genes = in_order(found.genes, donors.fit)
        naive = in_order(
            engine.differences(donors.plain, donors.counts, donors.ill).genes, donors.fit
        )
        away = (genes["difference"] - naive["difference"]) / genes["standard_error"]
        assert np.abs(away).max() < 1.5
        latents = engine.latent_differences(donors.plain, donors.counts, donors.ill, donor="donor")
        pd.testing.assert_frame_equal(latents.latents, found.factors)
        assert list(latents.units["donor"]) == [f"d{n}" for n in range(6)] * 2
        of_a, of_b = (latents.units.loc[latents.units["group"] == g, "factor 1"] for g in "ab")
        assert of_a.mean() - of_b.mean() == pytest.approx(latents.latents["difference"][0])
        assert genes["standard_error"].median() > 1.2 * naive["standard_error"].median()

    def test_donors_in_one_group_each(self, donors: Donors) -> None:
        first = donors.counts.obs["donor"].isin(["d0", "d1", "d2"]).to_numpy()
        found = engine.differences(donors.plain, donors.counts, first, donor="donor")
        assert (found.n_a, found.n_b) == (3, 3)
        assert (found.genes["lfsr"] < 0.05).mean() < 0.05
        naive = engine.differences(donors.plain, donors.counts, first)
        assert (naive.genes["lfsr"] < 0.05).mean() > 0.2

    def test_few_donors_have_differences_alone(self, donors: Donors) -> None:
        some = donors.counts.obs["donor"].isin(["d0", "d1"]).to_numpy()
        found = engine.differences(
            donors.plain, donors.counts, some & donors.ill, some & ~donors.ill, donor="donor"
        )
        assert found.genes["difference"].notna().all()
        assert found.genes[["p_value", "lfsr", "standard_error"]].isna().all(axis=None)

    def test_which_genes(self, donors: Donors) -> None:
        """Without what is rare in both, about the mean or the median."""
        matrix = donors.counts.matrix()
        assert matrix is not None
        dense = matrix.toarray()
        dense[:, 7] = 0
        dense[:10, 7] = 1
        names = donors.counts.genes
        counts = Counts.from_arrays(dense, names, donors.counts.cells, obs=donors.counts.obs)
        found = engine.differences(donors.plain, counts, donors.ill, centre="median")
        assert "gene_7" not in set(found.genes["gene"])
        assert found.genes["difference"].median() == pytest.approx(0, abs=1e-9)
        with pytest.raises(ConfigError, match="least_detection"):
            engine.differences(donors.plain, counts, donors.ill, least_detection=1.1)

    def test_a_centre_or_donors_that_are_none(self) -> None:
        counts, half = tiny_counts(), np.arange(80) < 40
        with pytest.raises(ConfigError, match="'precision' or 'median'"):
            engine.differences(tiny_fit(LNM), counts, half, centre="mean")  # type: ignore[arg-type]
        counts = replace(counts, obs=counts.obs.assign(dose=np.arange(80) / 7))
        with pytest.raises(ConfigError, match="levels for donors; found 80 different numbers"):
            engine.differences(tiny_fit(LNM), counts, half, donor="dose")

    def test_topics_have_none(self) -> None:
        with pytest.raises(ConfigError, match="LNM"):
            engine.differences(tiny_fit(LDA), tiny_counts("lda"), np.arange(80) < 40)


class TestDifferential:
    def test_nothing_differs_between_halves_and_a_block_of_genes_that_does(
        self, donors: Donors
    ) -> None:
        one, other = (self.half(donors, part) for part in (0, 1))
        found = engine.differential(*one, *other)
        genes = np.arange(60)
        change = found.change(genes)
        assert (change.lfsr[np.triu_indices(60, 1)] < 0.05).mean() < 0.01
        np.testing.assert_array_equal(change.lfsr, change.lfsr.T)
        # Genes of one half exchanged: what they go with is another.
        fit, uncertainty = other
        order = np.r_[np.roll(np.arange(12), 6), np.arange(12, 60)]
        turned = replace(fit, loadings=fit.loadings[order])
        spread = replace(uncertainty, centre=uncertainty.centre[order])
        moved = engine.differential(*one, turned, spread)
        pairs = moved.pairs(genes)
        exchanged = {f"gene_{g}" for g in range(12)}
        top = pairs.head(50)
        assert (top["gene_1"].isin(exchanged) | top["gene_2"].isin(exchanged)).mean() > 0.9
        assert (top["lfsr"] < 0.05).all()
        # The same whichever others are asked for.
        some = moved.change(np.array([3, 20, 40]))
        assert some.lfsr[0, 1] == pytest.approx(moved.change(genes).lfsr[3, 20])

    def half(self, donors: Donors, part: int) -> tuple[Fit, checks.Uncertainty]:
        counts = donors.counts.take(np.flatnonzero(np.arange(360) // 2 % 2 == part))
        # In blocks of as many cells as donors are compared in.
        fit = engine.fit(counts, engine.LNMConfig(n_factors=3, block_cells=64))
        with pytest.warns(UserWarning, match="beyond the 3 factors"):
            return fit, checks.uncertainty(fit, counts)

    def test_what_is_refused(self, donors: Donors) -> None:
        fit = tiny_fit(LNM)
        known = checks.uncertainty(fit, tiny_counts())
        for other, words in (
            (fit, "80 cells in both"),
            (donors.plain, "same 20 genes"),
            (tiny_fit(LDA), "LNM or LNMVCP"),
            (replace(fit, cells=fit.cells + "x", loadings=fit.loadings[:, :1]), "number"),
        ):
            with pytest.raises(ConfigError, match=words):
                engine.differential(fit, known, other, known)

    def test_barcodes_of_two_samples_may_be_the_same(self) -> None:
        fit = tiny_fit(LNM)
        known = checks.uncertainty(fit, tiny_counts())
        sample = replace(fit, total_counts=fit.total_counts[::-1] + 1)
        assert engine.differential(fit, known, sample, known).pairs(np.arange(4)) is not None
        copied = replace(fit, data=fit.data | {"source": "a copy"})
        with pytest.raises(ConfigError, match="80 cells in both"):
            engine.differential(fit, known, copied, known)
