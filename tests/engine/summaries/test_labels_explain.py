from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine import summaries
from engine.results import Fit
from engine.summaries.labels_explain import MUCH
from tests.engine.summaries.made_up import made

CELLS = 60


def labelled(scores: np.ndarray | None = None, **columns: Any) -> Fit:
    """A fit of two factors whose cells have these labels."""
    fit = made(7, 2, seed=3, cells=CELLS)
    obs = pd.DataFrame(columns, index=fit.cells)
    return replace(fit, obs=obs, scores=fit.scores if scores is None else scores)


def by_hand(scores: np.ndarray, labels: list[Any]) -> float:
    """Adjusted R² of groups: one less the variance within them over that of all."""
    groups: dict[Any, list[float]] = {}
    for label, score in zip(labels, scores, strict=True):
        groups.setdefault(label, []).append(float(score))
    within = sum(sum((x - math.fsum(g) / len(g)) ** 2 for x in g) for g in groups.values())
    mean = math.fsum(scores) / len(scores)
    total = sum((float(x) - mean) ** 2 for x in scores)
    return 1 - (within / (len(scores) - len(groups))) / (total / (len(scores) - 1))


def test_shares_of_groups_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    labels = [f"s{j}" for j in rng.integers(4, size=CELLS)]
    flags = rng.random(CELLS) < 0.3
    fit = labelled(sample=pd.Categorical(labels, [*sorted(set(labels)), "unused"]), flag=flags)
    table = summaries.label_shares(fit)
    for factor in range(2):
        for name, values in (("sample", labels), ("flag", list(flags))):
            row = table.loc[(factor, name)]
            assert row["adjusted"] == pytest.approx(by_hand(fit.scores[:, factor], values))
            assert row["groups"] == len(set(values))


def test_numbers_explain_their_squared_correlation() -> None:
    numbers = np.random.default_rng(1).normal(size=CELLS)
    fit = labelled(age=1e300 * numbers, shifted=1e6 + numbers)
    expected = np.corrcoef(numbers, fit.scores[:, 1])[0, 1] ** 2
    table = summaries.label_shares(fit)
    assert table.loc[(1, "age"), "share"] == pytest.approx(expected)
    assert table.loc[(1, "shifted"), "share"] == pytest.approx(expected)


def test_numbered_batches_are_groups() -> None:
    batch = np.arange(CELLS) % 3
    # Alike in the first and last batch: a line through the numbers explains nothing.
    scores = np.random.default_rng(2).normal(size=(CELLS, 2)) + 9.0 * (batch == 1)[:, None]
    fit = labelled(scores, number=batch, text=[f"b{j}" for j in batch], gaps=batch.astype(float))
    adjusted = summaries.label_shares(fit)["adjusted"].loc[0]
    assert adjusted["number"] == adjusted["text"] == adjusted["gaps"] > 0.9


def missing(labels: np.ndarray, kind: str) -> Any:
    if kind == "categorical":
        return pd.Categorical([None if x < 0 else f"s{x}" for x in labels])
    if kind == "text":
        return [None if x < 0 else f"s{x}" for x in labels]
    if kind == "nullable":
        return pd.array([None if x < 0 else int(x) for x in labels], "Int64")
    return np.where(labels < 0, np.inf if kind == "infinite" else np.nan, labels)


@pytest.mark.parametrize("kind", ["categorical", "text", "nullable", "number", "infinite"])
def test_cells_without_a_label_are_left_out(kind: str) -> None:
    labels = np.random.default_rng(4).integers(-1, 3, CELLS)
    fit = labelled(sample=missing(labels, kind))
    known = labels >= 0
    row = summaries.label_shares(fit).loc[(0, "sample")]
    assert row["cells"] == known.sum() < CELLS
    assert row["adjusted"] == pytest.approx(by_hand(fit.scores[known, 0], list(labels[known])))


def test_columns_that_cannot_explain_are_left_out() -> None:
    fit = labelled(
        one="a",
        number=0.1,
        cell=[f"c{j}" for j in range(CELLS)],
        none=[None] * CELLS,
        empty=np.full(CELLS, np.nan),
        few=[*"ab", *[None] * (CELLS - 2)],
    )
    assert summaries.label_shares(fit).empty
    assert summaries.label_words(fit) == {}
    assert summaries.label_words(labelled()) == {}


def test_many_small_groups_say_nothing_by_chance() -> None:
    rng = np.random.default_rng(5)
    columns = {f"tag{j}": rng.integers(CELLS, size=CELLS).astype(str) for j in range(60)}
    table = summaries.label_shares(fit := labelled(**columns))
    # R² is mostly above what counts as much, and some adjusted ones are by chance.
    assert table["share"].mean() > MUCH
    assert table["adjusted"].max() > MUCH
    assert summaries.telling_labels(fit).empty


def test_words_name_the_labels_of_a_factor_the_largest_first() -> None:
    rng = np.random.default_rng(6)
    sample = rng.integers(6, size=CELLS)
    scores = rng.normal(size=(CELLS, 2))
    scores[:, 1] = 3.0 * sample + 0.1 * rng.normal(size=CELLS)
    site = np.where(sample < 3, "north", "south")
    fit = labelled(scores, site=site, sample=sample, other=rng.integers(3, size=CELLS))
    (one, two) = (f"{100 * by_hand(scores[:, 1], list(x)):.0f} %" for x in (sample, site))
    assert summaries.label_words(fit) == {1: f"factor 2 is {one} sample, {two} site"}
    assert summaries.label_words(fit, ["a", "b"])[1].startswith("b is ")
