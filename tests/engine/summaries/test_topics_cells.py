from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import summaries
from engine.results import Fit, TopicFit
from tests.engine.summaries.made_topics import made_topics, topic_fits
from tests.engine.summaries.made_up import made


def factors(cells: int = 40) -> Fit:
    fit = made(8, 3, 1, cells=cells)
    labels = pd.Series(["x", "y"] * (cells // 2), index=fit.cells)
    return replace(fit, obs=pd.DataFrame({"label": labels}))


class TestStructure:
    @given(topic_fits)
    def test_every_cell_once_in_its_group(self, fit: TopicFit) -> None:
        table = summaries.structure(fit, "label")
        np.testing.assert_allclose(table.sum(axis=1), 1)
        cells = table.index.get_level_values("cell")
        assert sorted(cells) == sorted(fit.cells)
        np.testing.assert_array_equal(table, fit.proportions[fit.cells.get_indexer(cells)])
        labels = fit.obs["label"].astype(object).where(fit.obs["label"].notna(), "missing")
        groups = list(table.index.get_level_values("group"))
        assert groups == list(labels[cells])
        order = ["a", "b", "c", "missing"]
        assert groups == sorted(groups, key=order.index)

    def test_cells_of_one_topic_stand_together_largest_first(self) -> None:
        table = summaries.structure(made_topics(5, 3, 0, cells=200))
        values = table.to_numpy()
        leader = values.argmax(1)
        blocks = leader[np.flatnonzero(np.diff(leader, prepend=-1))]
        assert len(blocks) == len(set(blocks))
        sizes = np.bincount(leader)[blocks]
        assert (np.diff(sizes) <= 0).all()
        for topic in blocks:
            assert (np.diff(values[leader == topic, topic]) <= 0).all()

    def test_many_cells_are_drawn_in_proportion_and_small_groups_kept(self) -> None:
        fit = made_topics(5, 3, 0, cells=3000)
        codes = np.repeat([0, 1, 2], [2000, 988, 12])
        fit = replace(
            fit, obs=pd.DataFrame({"label": pd.Categorical.from_codes(codes, ["a", "b", "c"])})
        )
        table = summaries.structure(fit, "label", 300)
        counts = table.groupby(level="group").size()
        assert counts.to_dict() == {"a": 200, "b": 98, "c": 10}
        again = summaries.structure(fit, "label", 300)
        pd.testing.assert_frame_equal(table, again)
        other = summaries.structure(fit, "label", 300, seed=1)
        assert set(other.index) != set(table.index)

    def test_scores_of_factors(self) -> None:
        fit = factors()
        table = summaries.structure(fit, "label")
        cells = fit.cells.get_indexer(table.index.get_level_values("cell"))
        np.testing.assert_array_equal(table, fit.scores[cells])

    def test_no_such_column(self) -> None:
        with pytest.raises(engine.DataError, match="label, depth"):
            summaries.structure(made_topics(5, 2, 0), "batch")


class TestLabels:
    def test_only_labels_group(self) -> None:
        fit = made_topics(5, 2, 0, cells=100)
        obs = fit.obs.assign(same="x", name=list(fit.cells), flag=fit.obs["depth"] > 0)
        assert summaries.grouping_columns(replace(fit, obs=obs)) == ["label", "flag"]

    @given(topic_fits)
    def test_means_by_label(self, fit: TopicFit) -> None:
        found = summaries.label_means(fit, "label")
        assert found.cells.sum() == len(fit.cells)
        np.testing.assert_allclose(found.means.sum(), 1)
        for label in found.means:
            mask = fit.obs["label"].isna() if label == "missing" else fit.obs["label"] == label
            assert found.cells[label] == mask.sum()
            np.testing.assert_allclose(found.means[label], fit.proportions[mask].mean(0))
        assert found.specificity.between(0, 1).all()

    def test_specificity_of_a_topic_of_one_label_and_of_all_alike(self) -> None:
        fit = made_topics(5, 3, 0, cells=6)
        proportions = np.array([[1, 0, 0], [0, 0.5, 0.5]] * 3)
        proportions[:, 2] = 0.5
        proportions[:, 1] = 0
        obs = pd.DataFrame({"label": ["a", "b"] * 3}, index=fit.cells)
        found = summaries.label_means(replace(fit, proportions=proportions, obs=obs), "label")
        np.testing.assert_allclose(found.specificity, [1, 1, 0], atol=1e-12)

    def test_specificity_of_factors_is_eta_squared(self) -> None:
        fit = factors()
        mask = (fit.obs["label"] == "x").to_numpy()
        found = summaries.label_means(fit, "label")
        for j in range(3):
            z = fit.scores[:, j]
            fitted = np.where(mask, z[mask].mean(), z[~mask].mean())
            assert found.specificity.iloc[j] == pytest.approx(fitted.var() / z.var())

    def test_one_label_says_nothing(self) -> None:
        fit = made_topics(5, 2, 0)
        fit = replace(fit, obs=pd.DataFrame({"label": "a"}, index=fit.cells))
        assert (summaries.label_means(fit, "label").specificity == 0).all()


class TestTopCells:
    @given(topic_fits, st.integers(0, 50))
    def test_the_largest_proportions(self, fit: TopicFit, n: int) -> None:
        table = summaries.top_cells(fit, 0, n)
        wanted = np.sort(fit.proportions[:, 0])[::-1][:n]
        np.testing.assert_array_equal(table["weight"], wanted)
        np.testing.assert_array_equal(fit.proportions[table["position"], 0], table["weight"])
        assert list(fit.cells[table["position"]]) == list(table.index)
        assert table.index.is_unique

    def test_both_ends_of_a_factor(self) -> None:
        fit = factors()
        table = summaries.top_cells(fit, 1, 10)
        assert (np.diff(table["weight"].abs()) <= 0).all()
        assert {-1, 1} == set(np.sign(table["weight"]))
        with pytest.raises(engine.DataError, match="a factor from 0 to 2"):
            summaries.top_cells(fit, 3)
