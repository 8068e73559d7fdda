"""Which number of topics a sweep suggests, from runs whose scores are made up."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from engine.checks import CellScores, Sweep, Trial, suggest, sweep

CELLS = 200


def trial(
    value: int, seed: int = 0, *, per_count: float, noise: float = 0.0, **more: object
) -> Trial:
    """A run of which each cell has so many nats per count; cells differ much more than runs."""
    rng = np.random.default_rng(seed)
    n = rng.integers(50, 500, CELLS).astype(float)
    cell = rng.normal(0, 0.5, CELLS)
    own = np.random.default_rng([value, seed]).normal(0, noise, CELLS)
    values = {
        "id": f"{value}-{seed}",
        "revision": 3,
        "value": value,
        "seed": seed,
        "state": "done",
        "message": "settled",
        "seconds": 2.0 * value,
        "score": {
            "perplexity": float(np.exp(-per_count)),
            "coherence": 0.1 * seed,
            "diversity": None,
            "effective": 2.0,
        },
        "cells": CellScores(np.arange(CELLS).astype(str), n * (per_count + cell + own), n),
        **more,
    }
    return Trial(**values)  # type: ignore[arg-type]


def put(trials: list[Trial], model: str = "lda") -> Sweep:
    return sweep(trials, id="s", name="tiny · lda", model=model, holdout=0.1, finished=True)


def test_the_smallest_number_that_is_as_good_as_the_best() -> None:
    found = put(
        [
            trial(5, per_count=-6.0, noise=0.05),
            trial(10, per_count=-5.499, noise=0.05),
            trial(20, per_count=-5.4999, noise=0.05),
            trial(40, per_count=-5.6, noise=0.05),
        ]
    )
    assert found.parameter == "topics"
    assert found.suggested == 10
    assert list(found.table["value"]) == [5, 10, 20, 40]
    excess, error = found.table["excess"], found.table["excess_se"]
    assert excess.min() == 0.0
    # Paired: far closer than the errors of the scores themselves.
    assert (error < 0.5 * found.table["perplexity_se"]).all()
    assert excess[0] > 50 * error[0]


def test_reasons_in_words() -> None:
    better = put([trial(2, per_count=-6.0), trial(4, per_count=-5.0)], model="lnm")
    assert better.suggested == 4
    assert better.reason.startswith("4 factors have the lowest perplexity of held-out cells")
    assert "the next best smaller number, 2, is worse by" in better.reason
    assert better.reason.endswith("larger ones may be better.")
    worse = put([trial(2, per_count=-5.0), trial(4, per_count=-6.0)])
    assert worse.suggested == 2
    assert "larger" not in worse.reason
    table = pd.DataFrame(
        {
            "value": [2, 4, 8],
            "perplexity": [101.0, 100.0, 103.0],
            "excess": [1.0, 0.0, 3.0],
            "excess_se": [1.5, 0.0, 1.0],
        }
    )
    assert suggest(table, "topics") == (
        2,
        "4 topics have the lowest perplexity of held-out cells, 100, but 2 are worse by no more "
        "than the standard error of the difference (1 ± 1.5).",
    )
    for few in ([], [trial(3, per_count=-5.0)]):
        assert put(few).suggested is None
        assert "Fewer than two" in put(few).reason


@pytest.mark.slow
def test_the_standard_errors_are_what_repetition_gives() -> None:
    """Of the difference between two numbers, over draws of the held-out cells."""
    found = [
        put([trial(2, seed, per_count=-5.05, noise=0.2), trial(4, seed, per_count=-5.0, noise=0.2)])
        for seed in range(300)
    ]
    differences = [
        table["perplexity"][0] - table["perplexity"][1] for table in (s.table for s in found)
    ]
    errors = [max(s.table["excess_se"]) for s in found]
    # Perplexity varies with the cells, and the difference with it: compare in log.
    relative = [d / s.table["perplexity"].mean() for d, s in zip(differences, found, strict=True)]
    expected = [e / s.table["perplexity"].mean() for e, s in zip(errors, found, strict=True)]
    assert np.mean(expected) == pytest.approx(np.std(relative), rel=0.15)


def test_numbers_are_compared_on_the_same_cells() -> None:
    """The second seed's cells are easier; only one number was run on them."""
    trials = [
        trial(5, 0, per_count=-5.0),
        trial(10, 0, per_count=-5.5),
        trial(10, 1, per_count=-1.0),
    ]
    found = put(trials)
    assert found.suggested == 5
    assert list(found.table["n_seeds"]) == [1, 1]
    assert list(found.runs["id"]) == ["5-0", "10-0", "10-1"]
    other = CellScores(np.arange(CELLS).astype(str)[::-1], np.ones(CELLS), np.ones(CELLS))
    changed = put([trials[0], trial(10, 0, per_count=-5.5, cells=other)])
    assert changed.table.empty
    assert changed.suggested is None


def test_runs_that_did_not_end_well_are_listed_but_not_compared() -> None:
    found = put(
        [
            trial(5, per_count=-5.0),
            trial(10, per_count=-4.0, state="stopped"),
            trial(20, per_count=-4.0, state="failed", score=None, cells=None, message="words"),
            trial(40, per_count=-6.0),
        ]
    )
    assert list(found.table["value"]) == [5, 40]
    assert list(found.runs["state"]) == ["done", "stopped", "failed", "done"]
    assert np.isnan(found.runs["perplexity"][2])


def test_means_and_stability_over_seeds() -> None:
    rng = np.random.default_rng(0)
    same, other = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    found = put(
        [
            trial(2, 0, per_count=-5.0, programmes=same),
            trial(2, 1, per_count=-5.0, programmes=same[:, ::-1]),
            trial(4, 0, per_count=-5.0, programmes=same),
            trial(4, 1, per_count=-5.0, programmes=other),
        ]
    )
    assert found.table["stability"][0] == pytest.approx(1)
    assert found.table["stability"][1] < 0.9
    assert list(found.table["coherence"]) == pytest.approx([0.05, 0.05])
    assert found.table["diversity"].isna().all()
    assert list(found.table["seconds"]) == [4.0, 8.0]
    alone = put([trial(2, per_count=-5.0, programmes=same), trial(3, per_count=-5.0)])
    assert alone.table["stability"].isna().all()


@pytest.mark.parametrize("trials", [[], [trial(5, per_count=-5.0), trial(10, per_count=-5.2)]])
def test_it_survives_json(trials: list[Trial]) -> None:
    found = put(trials)
    again = Sweep.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.runs, found.runs)
    assert (again.suggested, again.reason, again.id) == (found.suggested, found.reason, "s")
