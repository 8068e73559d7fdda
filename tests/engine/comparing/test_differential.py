"""What two fits tell of changed correlations, and what they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.checks import with_structure
from engine.comparing import differential
from engine.jobs import CellSubset
from tests.dashboard.synthetic import make_fit
from tests.dashboard.test_uncertainty import make_uncertainty
from tests.engine.jobs.test_structure_phase import MISSED


@pytest.mark.parametrize("key", ["data_driven", "found_here"])
@pytest.mark.parametrize("data_driven", [True, False])
def test_cells_that_were_found_in_the_counts_have_changes_without_errors(
    data_driven: bool, key: str
) -> None:
    one = make_fit(cells=40, genes=12, factors=2, seed=0)
    told = CellSubset(np.ones(40, bool), "drawn", data_driven).to_dict()
    told[key] = told.pop("data_driven")  # of earlier releases
    other = make_fit(cells=40, genes=12, factors=2, seed=1).changed(data={"subset": told})
    found = differential(one, make_uncertainty(one, 1e-4), other, make_uncertainty(other, 1e-4))
    change = found.change(np.arange(5))
    assert found.tested is not data_driven
    assert np.isnan(change.lfsr).all() == data_driven
    assert np.isfinite(change.change).all()
    assert any("found in these counts" in note for note in found.notes) == data_driven


def test_fits_without_factors_have_no_change_to_tell() -> None:
    fits = [make_fit(cells=40, genes=12, factors=0, seed=seed) for seed in (0, 1)]
    one, other = ((fit, make_uncertainty(fit, 1e-4)) for fit in fits)
    found = differential(*one, *other)
    assert not found.tested
    assert "without factors" in found.notes[0]


def test_structure_that_the_factors_miss_is_told_with_the_changes() -> None:
    fits = [make_fit(cells=40, genes=12, factors=2, seed=seed) for seed in (0, 1)]
    fits[1] = with_structure(fits[1], MISSED)
    one, other = ((fit, make_uncertainty(fit, 1e-4)) for fit in fits)
    found = differential(*one, *other)
    assert found.tested
    assert "beyond the factors of B:" in found.notes[0]

    # That of an uncertainty comes before: it may be newer. Where nothing is found there is no note.
    one = fits[0], replace(one[1], structure=MISSED)
    assert "beyond the factors of A and B:" in differential(*one, *other).notes[0]
    nothing = replace(MISSED, largest=MISSED.expected, nothing=True)
    other = fits[1], replace(other[1], structure=nothing)
    assert "beyond the factors of A:" in differential(*one, *other).notes[0]
