"""Covariates as chips: to a formula and back, what a file offers, what is refused of which."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.covariate_offers import (
    Covariate,
    complete,
    offer,
    offers,
    read_formula,
    refusals,
    slopeless,
    write_formula,
)

CELLS = 60


@pytest.fixture(scope="module")
def obs() -> pd.DataFrame:
    number = np.arange(CELLS)
    columns = {
        "batch": np.where(number % 2, "a", "b"),
        "day": number % 3,
        "age": number / 7,
        "donor": pd.Categorical([f"d{j % 4}" for j in number], categories=[*"xyz", *DONORS]),
        "twin": np.where(number % 2, "p", "q"),
        "same": "one",
        "gaps": [None, *"ab" * (CELLS // 2 - 1), "a"],
        "name": [f"c{j}" for j in number],
        "a + b": np.where(number % 2, "a", "b"),
        "lists": [[j] for j in number],
    }
    return pd.DataFrame(columns)


DONORS = ["d0", "d1", "d2", "d3"]


@pytest.mark.parametrize(
    ("formula", "chips"),
    [
        (None, ()),
        ("~ batch", (Covariate("batch"),)),
        ("batch+ cell type", (Covariate("batch"), Covariate("cell type"))),
        ("~ age + (1 | donor)", (Covariate("age"), Covariate("donor", True))),
        (
            "~ age + batch + (age + batch | donor)",
            (Covariate("age"), Covariate("batch"), Covariate("donor", True, ("age", "batch"))),
        ),
    ],
)
def test_a_formula_is_read_as_chips_and_written_again(
    formula: str | None, chips: tuple[Covariate, ...]
) -> None:
    assert read_formula(formula) == chips
    assert read_formula(write_formula(chips)) == chips


@pytest.mark.parametrize(
    "formula",
    [
        "~ batch:age",
        "~ age + (0 + age | donor)",
        "~ (age | donor)",
        "~ donor + (1 | donor)",
        "~ batch +",
        "~ f(x)",
    ],
)
def test_what_chips_cannot_show_is_left_to_the_formula(formula: str) -> None:
    assert read_formula(formula) is None


def test_a_file_offers_columns_with_their_levels_or_says_why_not(obs: pd.DataFrame) -> None:
    found = {one.name: one for one in offers(obs)}
    assert list(found) == list(obs.columns)
    assert found["batch"].levels == ("a", "b")
    assert found["day"].levels == ("0", "1", "2")
    assert found["donor"].levels == tuple(DONORS)
    assert (found["age"].levels, found["age"].refused) == ((), None)
    told = {name: str(one.refused) for name, one in found.items() if one.refused}
    assert set(told) == {"same", "name", "a + b", "lists"}
    assert "'one' in every cell" in told["same"]
    assert (found["gaps"].levels, found["gaps"].missing) == (("a", "b"), 1)
    assert found["batch"].missing == 0
    assert "at least 10 cells" in told["name"]
    assert "Rename the column" in told["a + b"]
    assert found["a + b"].why == "has + in its name"
    assert found["same"].why == "'one' in every cell"
    assert found["batch"].why == ""
    odd = [offer(pd.DataFrame({name: list("ab") * 20}), name).why for name in ("1", " c", "")]
    assert odd == [
        "1 in a formula is the intercept",
        "has a blank or ~ at an end of its name",
        "has no name",
    ]
    assert not found["donor"].many
    many = pd.DataFrame({"plate": np.arange(300) % 30}).astype(str)
    assert offer(many, "plate").many


def test_a_refusal_is_told_of_the_column_that_it_is_of(obs: pd.DataFrame) -> None:
    assert refusals("~ batch + age + (age | donor)", obs) == {}
    assert set(refusals("~ name + same + age", obs)) == {"name", "same"}
    assert refusals("~ gaps + age", obs) == {}
    assert set(refusals("~ batch + gone", obs)) == {"gone"}
    (name, error), *others = refusals("~ batch + twin", obs).items()
    assert (name, others) == ("twin", [])
    assert "go together" in error.got
    assert set(refusals("~ batch + __import__('os')", obs)) == {""}


def test_a_slope_needs_what_differs_within_a_level(obs: pd.DataFrame) -> None:
    formula = "~ batch + age + lists + day + (1 | donor)"
    assert slopeless(formula, obs) == {("donor", "batch")}, "every other donor has a batch"
    assert slopeless("~ batch + gone + (1 | nobody)", obs) == frozenset()
    assert slopeless(None, obs) == frozenset()
    assert set(refusals("~ batch + (batch | donor)", obs)) == {"donor"}


def test_cells_without_a_value_of_a_covariate_are_told_apart(obs: pd.DataFrame) -> None:
    some = obs.assign(age=obs["age"].where(np.arange(CELLS) > 4, np.inf))
    assert complete("~ gaps + (age | donor)", some).sum() == CELLS - 5
    assert complete(None, some).all()
    assert complete("~ batch + gone", some).all()
    # what cannot be used is refused on the cells that have a value
    thin = obs.assign(gaps=[None] * 50 + ["a"] * 10)
    assert "'a' in every cell" in str(offer(thin, "gaps").refused)
    none = offer(obs.assign(gaps=np.nan), "gaps")
    assert none.missing == 0
    assert "60 of 60 cells without" in str(none.refused)
