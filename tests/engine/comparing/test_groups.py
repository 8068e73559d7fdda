"""Which cells, or donors, are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.comparing.groups import Groups, groups_of
from engine.data import Counts
from engine.errors import ConfigError

CELLS = 120


def counts_of(donor: list[str] | np.ndarray | None = None) -> Counts:
    names = [f"c{c}" for c in range(CELLS)]
    obs = pd.DataFrame(index=names)
    if donor is not None:
        obs["donor"] = np.asarray(donor, dtype=object)
    return Counts.from_arrays(np.ones((CELLS, 3)), ["a", "b", "c"], names, obs=obs)


HALF = np.arange(CELLS) < CELLS // 2


def by_donor(one: list[str], other: list[str], cells: int = 6) -> Groups:
    """So many cells of each donor in each group."""
    donor = np.array(["left out"] * CELLS, dtype=object)
    masks = []
    start = 0
    for names in (one, other):
        stop = start + cells * len(names)
        donor[start:stop] = np.repeat(names, cells)
        masks.append((np.arange(CELLS) >= start) & (np.arange(CELLS) < stop))
        start = stop
    return groups_of(counts_of(donor), *masks, "donor")


def test_cells_against_all_others() -> None:
    found = groups_of(counts_of(), HALF, None, None)
    np.testing.assert_array_equal(found.sets[0], np.flatnonzero(HALF))
    np.testing.assert_array_equal(found.sets[1], np.flatnonzero(~HALF))
    assert found == found._replace(paired=False, by_donor=False, tested=True, notes=())


def test_cells_without_counts_are_left_out() -> None:
    counts = counts_of()
    matrix = np.ones((CELLS, 3))
    matrix[3] = 0
    counts = Counts.from_arrays(matrix, ["a", "b", "c"], [f"c{c}" for c in range(CELLS)])
    assert 3 not in groups_of(counts, HALF, None, None).sets[0]


def test_donors_of_both_groups_are_paired() -> None:
    found = by_donor(["x", "y", "z"], ["z", "x", "y"])
    assert (found.paired, found.by_donor, found.tested) == (True, True, True)
    assert [len(cells) for cells in found.sets] == [6] * 6
    # The same donor at the same place.
    assert found.sets[found.of_a[2]][0] == 12
    assert found.sets[found.of_b[2]][0] == 18


def test_donors_of_one_group_beside_those_of_both_are_left_out_and_told() -> None:
    found = by_donor(["x", "y", "z", "only"], ["x", "y", "z"])
    assert (found.paired, len(found.of_a)) == (True, 3)
    assert found.notes == ("1 of donor that only one group has were left out.",)


def test_donors_of_one_group_each() -> None:
    found = by_donor(["a", "b", "c"], ["x", "y", "z", "w"])
    assert (found.paired, found.tested, len(found.of_a), len(found.of_b)) == (False, True, 3, 4)


def test_few_donors_are_not_tested_and_that_is_told() -> None:
    for one, other in ((["a", "b"], ["x", "y", "z"]), (["a", "b"], ["a", "b"])):
        found = by_donor(one, other)
        assert not found.tested
        assert "Nothing is tested" in found.notes[-1]


def test_a_donor_of_few_cells_is_left_out() -> None:
    donor = np.array(["a", "b", "c", "few"])[np.minimum(np.arange(CELLS) // 38, 3)]
    donor[114:116] = "c"
    found = groups_of(counts_of(donor), np.isin(donor, ["a", "b", "few"]), None, "donor")
    assert "4 cells" not in found.notes[0]
    assert found.notes[0].startswith("1 of a donor in a group with fewer than 5 cells")


def test_neither_crossed_nor_nested_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 in both"):
        by_donor(["a", "b", "both"], ["x", "y", "both"])


def test_what_is_refused() -> None:
    counts, few = counts_of(), np.arange(CELLS) < 9
    for a, b, words in (
        (HALF, HALF, "60 cells in both"),
        (few, None, "found 9"),
        (HALF, few & ~few, "found 0"),
        (HALF[:5], None, "shape"),
        (np.flatnonzero(HALF), None, "int64"),
    ):
        with pytest.raises(ConfigError, match=words):
            groups_of(counts, a, b, None)
    with pytest.raises(ConfigError, match="'donor'"):
        groups_of(counts, HALF, None, "donor")
    missing = np.array(["a"] * CELLS, dtype=object)
    missing[7] = None
    with pytest.raises(ConfigError, match="1 cells without"):
        groups_of(counts_of(missing), HALF, None, "donor")
