"""A run of some of the cells of its counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, DataError
from engine.jobs import CellSubset, Jobs, check_same_counts
from engine.jobs.fitted_counts import counts_of
from engine.jobs.job_status import JobStatus
from engine.summaries import methods_text
from tests.engine.jobs.fakes import (
    REQUEST,
    FakeFits,
    Serve,
    config,
    ended,
    folder,
    load_counts,
    make_counts,
    make_fit,
)

SOME = np.array([True, False, True, True, False])


@pytest.fixture
def seen() -> list[Any]:
    """The counts that each fit is given."""
    return []


@pytest.fixture
def own_jobs(serve: Serve, seen: list[Any]) -> Jobs:
    fits = FakeFits()
    fits.free = True

    def fit_iter(counts: Any, config: Any, *, start: Any = None) -> Any:
        seen.append(counts)
        for step in fits(counts, config, start=start):
            build = step.snapshot
            yield (
                step
                if build is None
                else replace(step, snapshot=lambda build=build: of_cells(build(), counts))
            )

    return serve(fit_iter=fit_iter, load_counts=load_counts)


def of_cells(fit: Any, counts: Any) -> Any:
    own = fit.cells.get_indexer(counts.cells)
    return fit.changed(
        cells=counts.cells,
        scores=fit.scores[own],
        scores_sd=fit.scores_sd[own],
        log_marginal=fit.log_marginal[own],
        total_counts=counts.totals,
        obs=counts.obs,
        data=fit.data | {"fingerprint": counts.fingerprint},
    )


def test_some_cells_alone_are_fitted_and_known_again(own_jobs: Jobs, seen: list[Any]) -> None:
    subset = CellSubset(SOME, "three cells", data_driven=True)
    id = own_jobs.submit_fit(REQUEST, config(1), counts=make_counts(), subset=subset)
    done = ended(own_jobs, id)
    assert done.state == "done", done.message
    chosen = make_counts().cells[SOME]
    assert seen[0].cells.equals(chosen)
    fit = own_jobs.result(id)
    told = {"words": "three cells", "data_driven": True, "cells": 3, "of": 5}
    assert fit.data["subset"] == done.subset == told
    assert "Of the 5 cells, three cells alone were taken." in methods_text(fit)

    # as a run of an earlier release tells it
    run, progress = done.to_parts()
    run["subset"] = {"found_here" if key == "data_driven" else key: told[key] for key in told}
    assert JobStatus.from_parts(id, run, progress) == done

    # after another start, and read again, they are the same
    home = own_jobs.home
    own_jobs.close()
    again = Jobs(home, load_counts=load_counts)
    assert again.status(id) == done
    again.fit_counts = lambda id: None  # type: ignore[method-assign]
    assert counts_of(again, id, fit).cells.equals(chosen)
    check_same_counts(again, id, make_counts())
    with pytest.raises(DataError, match="5 cells of which some"):
        check_same_counts(again, id, make_counts().take(np.arange(4)))
    again.close()


@pytest.mark.parametrize("damage", [None, b"nothing"])
def test_cells_that_are_not_known_any_more_are_not_guessed(
    own_jobs: Jobs, damage: bytes | None
) -> None:
    subset = CellSubset(SOME, "three cells", data_driven=False)
    id = own_jobs.submit_fit(REQUEST, config(1), counts=make_counts(), subset=subset)
    ended(own_jobs, id)
    path: Path = folder(own_jobs, id) / "subset.npz"
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(DataError, match="which cells are fitted"):
        own_jobs.read_counts(id)


def test_a_subset_has_a_cell() -> None:
    with pytest.raises(ConfigError, match="at least one cell"):
        CellSubset(np.zeros(3, bool), "nobody", data_driven=False)


def test_a_whole_fit_says_nothing_of_cells() -> None:
    assert "alone were taken" not in methods_text(make_fit(3))
