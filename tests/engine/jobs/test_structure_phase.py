"""A fit that ends tells what its factors miss and why it has so many, in its file and beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.checks import ResidualStructure, StructureProgress, structure_of, with_structure
from engine.data import Counts
from engine.errors import DataError
from engine.fitting.progress import Progress
from engine.jobs.checking import structure_iter
from engine.jobs.structure_phase import search_structure, with_structure_search
from engine.lnm.config import LNMConfig
from engine.results import Fit, Selection, load, selection_of, with_selection
from tests.dashboard.synthetic import make_topic_fit
from tests.engine.jobs.fakes import (
    REQUEST,
    Serve,
    ended,
    load_counts,
    make_counts,
    make_fit,
    make_progress,
)

MISSED = ResidualStructure(1, 5, 3.0, 0.9, 0.05, ("A",), ("B",), missed=0.0)


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(fit: Fit, counts: object) -> Iterator[StructureProgress]:
        yield StructureProgress(0.5)
        yield StructureProgress(1.0, MISSED)

    monkeypatch.setattr("engine.checks.residual_structure_iter", steps)


def two_steps() -> list[Progress]:
    return [make_progress(1), make_progress(2, "converged")]


def test_the_last_step_tells_it() -> None:
    *_, before, last = steps = list(with_structure_search(iter(two_steps()), make_counts()))
    assert len(steps) == 5
    assert before.phase == "looking for what the factors miss"
    assert before.status.state == last.status.state == "converged"
    assert last.snapshot is not None
    assert structure_of(last.snapshot()) == MISSED


def test_the_fit_is_whole_before(tmp_path: Path) -> None:
    """Whoever stops there has it, without."""
    steps = with_structure_search(iter(two_steps()), make_counts())
    fits = [step.snapshot() for _, step in zip(range(2), steps, strict=False) if step.snapshot]
    assert structure_of(fits[-1]) is None
    again = load(with_structure(fits[-1], MISSED).save(tmp_path / "fit.h5ad"))
    assert structure_of(again) == MISSED
    assert [step.structure for step in structure_iter(again, make_counts())] == [MISSED]


def test_what_goes_on_or_is_to_stop_is_not_looked_at() -> None:
    steps = list(with_structure_search(iter([make_progress(1)]), make_counts()))
    assert len(steps) == 1
    fit = two_steps()[1].snapshot()
    assert search_structure(fit, make_counts(), lambda: True) is fit
    assert structure_of(search_structure(fit, make_counts(), lambda: False)) == MISSED


def test_too_few_cells_and_topics_are_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = make_topic_fit()
    assert search_structure(topics, make_counts(), lambda: False) is topics

    def refuse(fit: Fit, counts: object) -> Iterator[StructureProgress]:
        yield StructureProgress(0.0)
        raise DataError("more cells", "few", "Fit more.")

    monkeypatch.setattr("engine.checks.residual_structure_iter", refuse)
    steps = list(with_structure_search(iter(two_steps()), make_counts()))
    assert steps[1].snapshot is not None
    assert steps[-1].snapshot is None


def test_a_fit_is_not_lost_where_looking_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fit: Fit, counts: object) -> Iterator[StructureProgress]:
        yield StructureProgress(0.0)
        raise ValueError("no luck")

    monkeypatch.setattr("engine.checks.residual_structure_iter", fail)
    *_, before, last = list(with_structure_search(iter(two_steps()), make_counts()))
    assert last.status.state == "converged"
    assert last.phase.startswith("looking for what the factors miss failed: ")
    assert "no luck" in last.phase
    assert before.phase != last.phase


@pytest.mark.parametrize(
    "told_of_it",
    [None, 7, [], {}, MISSED.to_dict() | {"largest": "x"}, MISSED.to_dict() | {"genes": 3}],
)
def test_a_file_that_tells_something_else(told_of_it: object) -> None:
    fit = make_progress(2, "converged").snapshot()
    assert structure_of(replace(fit, data={"structure": told_of_it})) is None


def test_a_number_that_is_chosen_is_known_in_the_end(serve: Serve) -> None:
    chosen = Selection(1, "1 factor: the fewest.", (), 3, 2)

    def choosing(
        counts: Counts, config: LNMConfig, *, start: Fit | None = None
    ) -> Iterator[Progress]:
        assert config.automatic
        fit = make_fit(1, "converged", config.sized(1))
        step = make_progress(1, "converged")
        yield replace(step, snapshot=lambda: with_selection(fit, chosen))

    jobs = serve(fit_iter=choosing, load_counts=load_counts)
    id = jobs.submit_fit(REQUEST, LNMConfig())
    assert jobs.status(id).name == "tiny · lnm"
    status = ended(jobs, id)
    assert status.state == "done", status.message
    assert status.config == LNMConfig(n_factors=1).to_dict()
    assert chosen.reason in status.log
    assert selection_of(jobs.result(id)) == chosen
