"""Labels of cells as numbers, and what is refused of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from engine.errors import ConfigError
from engine.lnm.design import Design
from engine.lnm.design_checks import MAX_COLUMNS, check_design, formula_of_parts

CELLS = 240


@pytest.fixture
def obs() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    number = np.arange(CELLS)
    return pd.DataFrame(
        {
            "batch": pd.Categorical(
                np.array(["two", "one"])[number % 2], categories=["two", "one"]
            ),
            "cell type": rng.permutation(np.array(["B", "NK", "T"])[number % 3]),
            "age": rng.normal(50, 9, CELLS),
            "grade": rng.permutation(np.array([1, 2, 3])[number % 3]),
            "male": rng.permutation(number % 2 == 0),
            "donor": np.array(["d|1", "e|1", "f", "g", "h", "i"])[number // 40],
            "ill": number >= CELLS // 2,
        },
        index=[f"c{i}" for i in number],
    )


def design(formula: str, obs: pd.DataFrame) -> tuple[Design, pd.DataFrame]:
    labels, _ = check_design(formula, obs)
    return Design.of(formula, labels), labels


def bare(found: Design, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix * np.asarray(found.scale) + np.asarray(found.centre))


def labels_of(found: Design) -> list[str]:
    return [column.label for column in found.columns]


class TestColumns:
    def test_levels_are_compared_with_the_first(self, obs: pd.DataFrame) -> None:
        """In the order of a categorical, else of the alphabet; centred, not scaled."""
        found, labels = design("~ batch + cell type + male", obs)
        assert labels_of(found) == ["batch[one]", "cell type[NK]", "cell type[T]", "male[True]"]
        assert found.scale == (1,) * 4
        expected = [
            obs["batch"] == "one",
            *(obs["cell type"] == t for t in ("NK", "T")),
            obs["male"],
        ]
        matrix = found.encode(labels)
        assert matrix.dtype == np.float32
        np.testing.assert_allclose(bare(found, matrix), np.column_stack(expected), atol=1e-6)
        np.testing.assert_allclose(matrix.mean(0), 0, atol=1e-6)

    def test_numbers_are_standardised(self, obs: pd.DataFrame) -> None:
        found, labels = design("~ age", obs)
        matrix = found.encode(labels)
        np.testing.assert_allclose([matrix.mean(), matrix.std()], [0, 1], atol=1e-5)
        np.testing.assert_allclose(bare(found, matrix)[:, 0], obs["age"], rtol=1e-5)

    @pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "category", "object"])
    def test_few_whole_numbers_are_levels_and_that_is_told(
        self, obs: pd.DataFrame, dtype: str
    ) -> None:
        """By the same names, however a file has the numbers."""
        obs["grade"] = obs["grade"].astype(dtype)
        labels, notes = check_design("~ grade", obs)
        found = Design.of("~ grade", labels)
        assert labels_of(found) == ["grade[2]", "grade[3]"]
        assert notes == ("grade has 3 whole numbers: they are taken for levels.",)
        many = obs.assign(patient=np.arange(len(obs)) % 12)
        (note,) = check_design("~ patient", many)[1]
        assert note.startswith("patient has 12 whole numbers: they are taken for numbers")
        (note,) = check_design("~ patient", many.assign(patient=many["patient"].astype(str)))[1]
        assert note.endswith("taken for levels.")
        others = obs.iloc[:9].assign(grade=obs["grade"].iloc[:9].astype("float64"))
        np.testing.assert_array_equal(found.encode(others), found.encode(labels)[:9])

    def test_many_whole_numbers_are_numbers(self, obs: pd.DataFrame) -> None:
        obs["weeks"] = np.arange(CELLS) % 11
        assert labels_of(design("~ weeks", obs)[0]) == ["weeks"]
        # But those of a group are its levels.
        labels, notes = check_design("~ (1 | weeks)", obs)
        assert len(Design.of("~ (1 | weeks)", labels).columns) == 11
        assert not notes

    def test_interactions(self, obs: pd.DataFrame) -> None:
        found, labels = design("~ batch + age + batch:age", obs)
        assert labels_of(found) == ["batch[one]", "age", "batch[one]:age"]
        expected = (obs["batch"] == "one") * obs["age"]
        np.testing.assert_allclose(
            bare(found, found.encode(labels))[:, 2], expected, rtol=1e-4, atol=1e-5
        )
        assert found.columns[2].names == ("batch", "age")

    def test_a_group_has_a_column_for_each_level(self, obs: pd.DataFrame) -> None:
        found, labels = design("~ ill + (1 | donor)", obs)
        assert (found.n_fixed, len(found.columns)) == (1, 7)
        matrix = bare(found, found.encode(labels))[:, 1:]
        np.testing.assert_allclose(matrix, pd.get_dummies(obs["donor"]), atol=1e-6)
        assert found.columns[1].label == "1|donor[d|1]"
        assert found.within == "ill, donor"

    def test_slopes_of_levels_have_contrasts_and_those_of_numbers_one_scale(
        self, obs: pd.DataFrame
    ) -> None:
        """What levels share is the intercept's; a level of few cells is no other than the rest."""
        found, labels = design("~ cell type + (cell type | donor) + (age | donor)", obs)
        terms = list(dict.fromkeys(column.term for column in found.columns if column.group))
        assert terms == ["(1 | donor)", "(cell type | donor)", "(age | donor)"]
        np.testing.assert_array_equal(found.random_terms, [0] * 6 + [1] * 12 + [2] * 6)
        matrix = bare(found, found.encode(labels))[:, 2:]
        contrasts = matrix[:, 6:18].reshape(CELLS, 2, 6).sum(2)
        rows = np.stack([contrasts[obs["cell type"] == name][0] for name in ("B", "NK", "T")])
        np.testing.assert_allclose(rows.T @ rows, np.eye(2), atol=1e-6)
        np.testing.assert_allclose(rows.sum(0), 0, atol=1e-6)
        ages = matrix[:, 18:].sum(1)
        np.testing.assert_allclose(
            ages, (obs["age"] - obs["age"].mean()) / obs["age"].std(ddof=0), rtol=1e-3, atol=1e-5
        )

    def test_slopes_without_an_intercept_have_all_levels(self, obs: pd.DataFrame) -> None:
        found, labels = design("~ (0 + cell type | donor)", obs)
        assert len(found.columns) == 18
        assert (bare(found, found.encode(labels)).round(5).sum(1) == 1).all()

    def test_categories_of_no_cell_are_left_out(self, obs: pd.DataFrame) -> None:
        obs["batch"] = obs["batch"].cat.add_categories(["none"])
        assert labels_of(design("~ batch", obs)[0]) == ["batch[one]"]


class TestOtherCells:
    def test_by_the_names_of_levels(self, obs: pd.DataFrame) -> None:
        """Whatever levels there are, and in whatever order."""
        found, labels = design("~ batch + age + batch:age + (age | donor)", obs)
        some = obs.iloc[[200, 7, 3]].astype({"batch": str})
        np.testing.assert_array_equal(found.encode(some), found.encode(labels)[[200, 7, 3]])
        one = obs.iloc[[5]].assign(batch=pd.Categorical(["one"]))
        np.testing.assert_array_equal(found.encode(one), found.encode(labels)[[5]])

    def test_as_json(self, obs: pd.DataFrame) -> None:
        found, labels = design("~ grade + age + grade:age + (age | donor)", obs)
        again = Design.from_dict(json.loads(json.dumps(found.to_dict())))
        assert again == found
        np.testing.assert_array_equal(again.encode(obs), found.encode(labels))

    def test_unknown_levels(self, obs: pd.DataFrame) -> None:
        """Of a group they have no effect; of a fixed effect nothing is known of it."""
        found, labels = design("~ batch + (1 | donor)", obs)
        new = obs.iloc[:2].assign(donor="new")
        matrix = bare(found, found.encode(new))
        np.testing.assert_allclose(matrix[:, 1:], 0, atol=1e-6)
        with pytest.raises(ConfigError, match="'three'"):
            found.encode(labels.iloc[:2].assign(batch="three"))
        both, _ = design("~ batch + (batch | donor)", obs)
        with pytest.raises(ConfigError, match="'three'"):
            both.encode(labels.iloc[:2].assign(batch="three"))

    @pytest.mark.parametrize("value", [np.nan, np.inf, None])
    def test_missing_values_are_refused(self, obs: pd.DataFrame, value: object) -> None:
        found, _ = design("~ age + batch", obs)
        with pytest.raises(ConfigError, match="1 of 240 cells without"):
            found.encode(obs.assign(age=[value, *obs["age"][1:]]))
        with pytest.raises(ConfigError, match="'age'"):
            found.encode(obs.drop(columns="age"))
        with pytest.raises(ConfigError, match="numbers in age"):
            found.encode(obs.assign(age="old"))


class TestRefused:
    def refused(self, formula: str, obs: pd.DataFrame) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            check_design(formula, obs)
        return caught.value

    def test_missing_values(self, obs: pd.DataFrame) -> None:
        for column in ("age", "cell type", "batch"):
            values = obs[column].astype(object)
            values.iloc[3] = None
            found = self.refused(f"~ {column}", obs.assign(**{column: values}))
            assert "1 of 240 cells without" in found.got

    @pytest.mark.parametrize("value", [1, 2.5, "same"])
    def test_a_constant(self, obs: pd.DataFrame, value: object) -> None:
        assert "in every cell" in self.refused("~ age + all", obs.assign(all=value)).got

    def test_a_level_of_few_cells(self, obs: pd.DataFrame) -> None:
        few = obs.assign(site=np.where(np.arange(CELLS) < 9, "far", "near"))
        assert self.refused("~ site", few).got == "9 cells of 'far'"
        assert self.refused("~ (1 | site)", few).got == "9 cells of 'far'"

    def test_a_column_of_names_before_it_becomes_a_matrix(self, obs: pd.DataFrame) -> None:
        many = pd.DataFrame({"barcode": np.arange(60_000).astype(str)})
        assert "1 cell of" in self.refused("~ barcode", many).got

    def test_many_columns(self, obs: pd.DataFrame) -> None:
        many = pd.DataFrame({"well": (np.arange(6600) % 66).astype(str), "ill": True})
        many["ill"] = np.arange(6600) % 4 < 2
        assert "(1 | name)" in self.refused("~ well", many).remedy
        many["plate"] = (np.arange(6600) % (MAX_COLUMNS + 20)).astype(str)
        assert self.refused("~ (1 | plate)", many).got == str(MAX_COLUMNS + 20)

    @pytest.mark.parametrize(
        ("formula", "named"),
        [
            ("~ batch + lane", "batch and lane"),
            ("~ ill + donor", "ill and donor"),
            ("~ age + months", "age and months"),
            ("~ batch + ill + donor", "ill and donor"),
        ],
    )
    def test_what_cannot_be_told_apart(self, obs: pd.DataFrame, formula: str, named: str) -> None:
        obs["lane"] = obs["batch"].map({"one": "L1", "two": "L2"}).astype(str)
        obs["months"] = 12 * obs["age"] + 3
        assert named in self.refused(formula, obs).got

    def test_what_three_tell_together(self, obs: pd.DataFrame) -> None:
        obs["sum"] = obs["age"] + obs["grade"] * 1.5
        obs["half"] = obs["grade"] * 0.5 + 0.25
        assert "one among" in self.refused("~ age + half + sum", obs).got

    def test_a_nested_group_is_none_of_them(self, obs: pd.DataFrame) -> None:
        found, _ = design("~ ill + (1 | donor)", obs)
        assert found.n_fixed == 1

    def test_a_slope_of_what_is_the_same_in_all_cells_of_a_donor(self, obs: pd.DataFrame) -> None:
        refused = self.refused("~ ill + (ill | donor)", obs)
        assert "ill, which is the same in all cells of each donor" in refused.got
        assert "(1 | donor)" in refused.remedy
        assert design("~ batch + (batch | donor)", obs)[0].n_fixed == 1

    def test_a_small_level_among_very_many_cells_is_no_lack_of_rank(self) -> None:
        number = np.arange(150_000)
        rng = np.random.default_rng(0)
        many = pd.DataFrame(
            {
                "rare": number < 12,
                "half": rng.random(len(number)) < 0.5,
                "x": rng.normal(size=len(number)),
            }
        )
        assert design("~ rare + half + x", many)[0].n_fixed == 3


def test_whose_errors_are_those_of_cells_is_told(obs: pd.DataFrame) -> None:
    _, notes = check_design("~ ill + batch + (1 | donor)", obs)
    assert len(notes) == 1
    assert notes[0].startswith("batch varies within donor")
    assert not check_design("~ ill + batch + (batch | donor)", obs)[1]


def test_that_too_few_donors_test_nothing_is_told(obs: pd.DataFrame) -> None:
    assert not check_design("~ ill + (1 | donor)", obs)[1]
    first = obs["donor"].unique()[:1]
    one = obs.assign(one=obs["donor"].isin(first))
    (note,) = check_design("~ one + (1 | donor)", one)[1]
    assert note.startswith("one is the same in all cells of each donor")
    assert "too few to test" in note
    (note,) = check_design("~ donor + (1 | donor)", obs)[1]
    assert note.startswith("donor is the same")


def test_parts_of_the_cells_lack_what_tells_them_apart(obs: pd.DataFrame) -> None:
    ill = obs["ill"].to_numpy()
    found, notes = formula_of_parts("~ ill + batch + (0 + age | donor)", [obs[ill], obs[~ill]])
    assert found == "~ batch + (0 + age | donor)"
    assert notes == ("Left out of the formula of each part: ill ('True' in every cell).",)
    assert formula_of_parts("~ ill", [obs[ill], obs[~ill]])[0] is None
