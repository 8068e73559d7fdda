"""Whose runs are whose: what others see, and who may change what."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DataError
from engine.jobs import (
    ForeignRun,
    JobError,
    Jobs,
    OwnJobs,
    list_sweeps,
    sweep_of,
)
from engine.jobs.runs import Runs
from engine.jobs.uncertainties import UNCERTAINTY
from tests.engine.jobs.fakes import (
    REQUEST,
    FakeFits,
    config,
    ended,
    folder,
    load_counts,
    make_counts,
    submit,
)

Did = list[tuple[str, str, str]]


def other_half(jobs: Jobs, id: str) -> None:
    """These runs are of whole counts, which is said once it is known who may look."""
    with contextlib.suppress(DataError):
        jobs.other_half(id)


LOOKS: dict[str, Callable[[Jobs, str], Any]] = {
    "status": lambda jobs, id: jobs.status(id),
    "result": lambda jobs, id: jobs.result(id),
    "folder": lambda jobs, id: jobs.folder(id),
    "fit_file": lambda jobs, id: jobs.fit_file(id),
    "factor_names": lambda jobs, id: jobs.factor_names(id, 2),
    "cell_scores": lambda jobs, id: jobs.cell_scores(id),
    "fit_counts": lambda jobs, id: jobs.fit_counts(id),
    "read_counts": lambda jobs, id: jobs.read_counts(id),
    "cells_of": lambda jobs, id: jobs.cells_of(id, 5),
    "other_half": other_half,
}
CHANGES: dict[str, Callable[[Jobs, str], Any]] = {
    "stop": lambda jobs, id: jobs.stop(id),
    "cancel": lambda jobs, id: jobs.cancel(id),
    "resume": lambda jobs, id: jobs.resume(id),
    "rename": lambda jobs, id: jobs.rename(id, "new"),
    "share": lambda jobs, id: jobs.share(id, True),
    "name_factors": lambda jobs, id: jobs.name_factors(id, ["a"], 1),
    "delete": lambda jobs, id: jobs.delete(id),
    "permit": lambda jobs, id: jobs.permit(id),
    "uncertainty": lambda jobs, id: UNCERTAINTY.submit(jobs, id),
}
# What takes no id of a run.
OTHER = {"home", "trouble", "clean", "list", "whole", "close", "submit", "submit_fit", "who"}


@pytest.fixture
def did() -> Did:
    return []


@pytest.fixture
def people(jobs: Jobs, did: Did) -> Callable[[str], OwnJobs]:
    def own(who: str) -> OwnJobs:
        return OwnJobs(jobs, who, lambda what, id: did.append((who, what, id)))

    return own


def finished(jobs: Jobs, fits: FakeFits, seed: int = 1) -> str:
    # Of one pass, which leaves no checkpoint to be written.
    fits.passes = 1
    id = submit(jobs, seed)
    fits.allow(seed)
    ended(jobs, id)
    return id


@dataclass(frozen=True)
class Known:
    """Two runs of ada that have ended, of which one is shared: looked at, and not changed."""

    jobs: Jobs
    own: str
    shared: str
    did: Did

    def of(self, who: str) -> OwnJobs:
        return OwnJobs(self.jobs, who, lambda what, id: self.did.append((who, what, id)))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    fits, did = FakeFits(), []
    jobs = Jobs(tmp_path_factory.mktemp("home"), fit_iter=fits, load_counts=load_counts)
    ada = OwnJobs(jobs, "ada")
    own, shared = (finished(ada, fits, seed) for seed in (1, 2))
    ada.share(shared, True)
    yield Known(jobs, own, shared, did)
    jobs.close()


def test_all_that_takes_the_id_of_a_run_is_tried_here() -> None:
    public = {name for of in (Runs, Jobs) for name, _ in inspect.getmembers(of) if name[0] != "_"}
    assert public == {*LOOKS, *CHANGES, *OTHER} - {"uncertainty"}


@pytest.mark.parametrize("act", [*LOOKS, *CHANGES])
def test_a_run_of_somebody_else_can_neither_be_looked_at_nor_changed(
    known: Known, act: str
) -> None:
    before = known.jobs.list()
    with pytest.raises(ForeignRun, match="belongs to ada") as raised:
        (LOOKS | CHANGES)[act](known.of("bob"), known.own)
    assert "Ask ada to share it" in raised.value.remedy
    assert known.jobs.list() == before
    assert known.did == []
    if act in LOOKS:
        LOOKS[act](known.of("ada"), known.own)


@pytest.mark.parametrize("act", [*LOOKS, *CHANGES])
def test_a_shared_run_can_be_looked_at_and_only_its_owner_changes_it(
    known: Known, act: str
) -> None:
    if act in LOOKS:
        LOOKS[act](known.of("bob"), known.shared)
        LOOKS[act](known.of(""), known.shared)
        return
    before = known.jobs.list()
    with pytest.raises(ForeignRun, match="which ada shares"):
        CHANGES[act](known.of("bob"), known.shared)
    assert known.jobs.list() == before


def test_each_lists_their_own_runs_the_shared_ones_and_those_of_nobody(
    jobs: Jobs, fits: FakeFits, people: Callable[[str], OwnJobs]
) -> None:
    ada, bob = people("ada"), people("bob")
    old = submit(jobs, 1)
    first, second = submit(ada, 2), submit(bob, 3)

    def seen(one: Jobs) -> set[str]:
        return {status.id for status in one.list()}

    assert seen(ada) == {old, first}
    assert seen(bob) == {old, second}
    assert seen(people("")) == {old}
    assert seen(jobs) == {old, first, second}
    ada.share(first, True)
    assert seen(bob) == {old, first, second}
    ada.share(first, False)
    assert seen(bob) == {old, second}
    bob.rename(old, "everybody's")
    assert jobs.status(old).name == "everybody's"


def test_owner_and_sharing_outlive_the_server(
    jobs: Jobs, serve: Callable[..., Jobs], fits: FakeFits, people: Callable[[str], OwnJobs]
) -> None:
    ada = people("ada")
    id = finished(ada, fits)
    ada.share(id, True)
    ada.rename(id, "kept")
    jobs.close()
    status = serve().status(id)
    assert (status.owner, status.shared, status.name) == ("ada", True, "kept")
    file = folder(jobs, id) / "run.json"
    asked = json.loads(file.read_text())
    del asked["owner"], asked["shared"]
    file.write_text(json.dumps(asked))
    status = serve().status(id)
    assert (status.owner, status.shared) == ("", False)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"owner": 5}', '{"owner": "ada"}', "\udcff"])
def test_a_damaged_run_is_shown_to_nobody_but_its_owner(
    jobs: Jobs, fits: FakeFits, people: Callable[[str], OwnJobs], damage: str
) -> None:
    id = finished(people("ada"), fits)
    file = folder(jobs, id) / "run.json"
    file.write_bytes(damage.encode("utf-8", "surrogateescape"))
    with pytest.raises(ForeignRun):
        people("bob").status(id)
    assert people("bob").list() == []
    assert jobs.status(id).state == "failed"
    if damage.endswith('"ada"}'):
        assert people("ada").status(id).state == "failed"


def test_changes_are_told_once_they_are_made(
    fits: FakeFits, people: Callable[[str], OwnJobs], did: Did
) -> None:
    ada = people("ada")
    id = finished(ada, fits)
    ada.rename(id, "new")
    with pytest.raises(JobError):
        ada.rename(id, " ")
    ada.share(id, True)
    ada.delete(id)
    wanted = ("ran", "renamed", "shared", "deleted")
    assert did == [("ada", what, id) for what in wanted]


def test_a_run_begins_only_where_there_is_room(jobs: Jobs, fits: FakeFits) -> None:
    def room() -> None:
        raise JobError("room", "none", "Delete.")

    with pytest.raises(JobError, match="room"):
        submit(OwnJobs(jobs, "ada", room=room), 1)
    assert jobs.list() == []
    id = submit(OwnJobs(jobs, "ada"), 1)
    jobs.stop(id)
    ended(jobs, id)
    with pytest.raises(JobError, match="room"):
        OwnJobs(jobs, "ada", room=room).resume(id)
    assert jobs.status(id).state == "stopped"
    with pytest.raises(ForeignRun):
        OwnJobs(jobs, "bob", room=room).resume(id)


def test_what_runs_take_on_disk_is_that_of_their_owner(
    jobs: Jobs, fits: FakeFits, people: Callable[[str], OwnJobs]
) -> None:
    assert people("ada").used() == 0
    id = finished(people("ada"), fits)
    files = [path.stat().st_size for path in Path(folder(jobs, id)).rglob("*") if path.is_file()]
    assert people("ada").used() == sum(files) > 0
    assert people("bob").used() == people("").used() == 0


@pytest.mark.slow
def test_a_sweep_of_which_not_all_may_be_seen_is_told_from_what_may(
    jobs: Jobs, fits: FakeFits, people: Callable[[str], OwnJobs]
) -> None:
    ada, bob = people("ada"), people("bob")
    first, second = (finished_of(ada, fits, seed) for seed in (1, 2))
    assert set(sweep_of(ada, "group").runs["id"]) == {first, second}
    with pytest.raises(JobError):
        sweep_of(bob, "group")
    assert list_sweeps(bob) == []
    ada.share(first, True)
    assert set(sweep_of(bob, "group").runs["id"]) == {first}
    assert set(sweep_of(ada, "group").runs["id"]) == {first, second}


def finished_of(jobs: Jobs, fits: FakeFits, seed: int) -> str:
    id = jobs.submit_fit(REQUEST, config(seed), counts=make_counts(), holdout=0.1, group="group")
    fits.allow(seed)
    ended(jobs, id)
    return id
