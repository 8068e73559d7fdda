from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.cell_mask import combine

masks = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20)


@given(masks)
def test_modes_are_set_operations(pairs: list[tuple[bool, bool]]) -> None:
    before, drawn = (np.array(column) for column in zip(*pairs, strict=True))
    old, new = set(np.flatnonzero(before)), set(np.flatnonzero(drawn))
    for mode, expected in (("replace", new), ("add", old | new), ("subtract", old - new)):
        mask = combine(before, drawn, mode)  # type: ignore[arg-type]
        assert (set() if mask is None else set(np.flatnonzero(mask))) == expected
    np.testing.assert_array_equal(before, [a for a, _ in pairs])


@pytest.mark.parametrize(("mode", "expected"), [("replace", [1]), ("add", [1]), ("subtract", [])])
def test_the_first_selection(mode: str, expected: list[int]) -> None:
    mask = combine(None, np.array([False, True]), mode)  # type: ignore[arg-type]
    assert (list(np.flatnonzero(mask)) if mask is not None else []) == expected


def test_an_empty_selection_is_none() -> None:
    mask = np.array([True, False])
    assert combine(mask, np.zeros(2, bool), "replace") is None
    assert combine(mask, mask, "subtract") is None
    assert combine(mask, None, "replace") is None
    assert combine(mask, None, "add") is mask
