"""Two people on one server: runs, uploads, room and the log of who did what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from tornado.web import create_signed_value

from dashboard import audit, logins, people
from dashboard.controls.run_list import row
from dashboard.controls.upload import UploadArea
from dashboard.runner import Runner
from dashboard.server_settings import Settings
from dashboard.services import Services
from dashboard.state import AppState
from engine.errors import EngineError
from engine.jobs import JobStatus
from tests.dashboard.synthetic import Steps
from tests.dashboard.test_address import Opened
from tests.waiting import wait_for

Page = Callable[[str | None], Opened]


class Person(Opened):
    """Opens the page of a person, by a link if there is one."""

    def fit(self) -> str:
        self.runner.read()
        self.until(lambda: self.state.ready)
        self.runner.fit()
        self.until(lambda: self.state.run is not None or self.state.run_error is not None)
        assert self.state.run is not None
        return self.state.run


@pytest.fixture
def page(
    services: Services, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Person]:
    monkeypatch.setattr("dashboard.runner.LIST_SECONDS", 0.0)
    steps.go_on.set()

    def opened(name: str | None, search: str = "", quota: int | None = None) -> Person:
        return Person(people.services_of(services, name, quota), search)

    return opened


def lines(services: Services) -> list[tuple[str, str, str]]:
    file = services.jobs.home / audit.FILE
    entries = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(line["who"], line["did"], line["what"]) for line in entries]


def listed(person: Person) -> set[str]:
    person.runner.tick()
    return {status.id for status in person.state.runs}


def test_a_run_is_its_owners_until_it_is_shared(
    page: Callable[..., Person], services: Services
) -> None:
    ada, bob = page("ada"), page("bob")
    run = ada.fit()
    assert run in listed(ada)
    assert listed(bob) == set()
    for act in (bob.runner.open, bob.runner.resume, bob.runner.delete):
        act(run)
        assert bob.state.run is None
        assert "belongs to ada" in bob.state.run_error.got
    bob.runner.rename(run, "mine")
    bob.runner.share(run, True)
    assert services.jobs.status(run).name != "mine"
    assert listed(bob) == set()
    ada.runner.share(run, True)
    assert listed(bob) == {run}
    bob.runner.open(run)
    bob.until(lambda: bob.state.fit is not None)
    bob.runner.delete(run)
    assert "Ask ada to do this" in bob.state.run_error.remedy
    ada.until(lambda: ada.state.status.state == "done")
    ada.runner.share(run, False)
    bob.until(lambda: bob.state.run is None)
    assert "Ask ada to share it" in bob.state.run_error.remedy


def test_a_link_to_a_run_of_somebody_else_says_so(page: Callable[..., Person]) -> None:
    run = page("ada").fit()
    for search in (f"?run={run}", f"?run={run}&tab=compare&with={run}"):
        bob = page("bob", search)
        assert bob.state.run is None
        assert bob.state.fit is None
        assert "belongs to ada" in bob.state.run_error.got
        assert "Ask ada to share it" in bob.state.run_error.remedy
    assert "a run of this server" in page("bob", "?run=none").state.run_error.expected


def test_the_log_says_who_did_what(page: Callable[..., Person], services: Services) -> None:
    ada, bob = page("ada"), page("bob")
    run = ada.fit()
    ada.until(lambda: ada.state.status is not None and ada.state.status.state == "done")
    bob.runner.open(run)
    ada.runner.rename(run, "new")
    ada.runner.share(run, True)
    bob.runner.open(run)
    ada.runner.delete(run)
    did = ["ran", "opened", "renamed", "shared", "deleted"]
    assert [line for line in lines(services) if line[0] == "ada"] == [("ada", d, run) for d in did]
    assert [line for line in lines(services) if line[0] == "bob"] == [("bob", "opened", run)]


def test_a_log_that_cannot_be_written_stops_nobody(
    page: Callable[..., Person], services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    (services.jobs.home / audit.FILE).mkdir()
    page("ada").fit()
    assert "audit log cannot be written" in caplog.text


def test_where_nobody_logs_in_all_is_as_it_was(services: Services) -> None:
    assert people.services_of(services, None) is services
    assert logins.who() is None
    services.record("opened", "x")
    assert lines(services) == []


class Sent(UploadArea):
    def _send_msg(self, data: object) -> None:
        return


def upload(own: Services, name: str, size: int) -> tuple[list[Path], list[EngineError]]:
    arrived: list[Path] = []
    failed: list[EngineError] = []
    area = Sent(own.folders, arrived.append, failed.append)
    area._handle_msg({"do": "begin", "name": name, "size": size})
    area._handle_msg({"do": "part", "at": 0, "bytes": b"x" * size})
    return arrived, failed


@pytest.mark.parametrize("confined", [False, True])
def test_uploads_and_files_of_runs_are_closed_to_others(services: Services, confined: bool) -> None:
    home = services.jobs.home
    if confined:
        folders = type(services.folders)(home / "uploads", home.parent)
        services = Services(services.jobs, folders)
    ada, bob = (people.services_of(services, name) for name in ("ada/../bob", "bob"))
    (mine,), _ = upload(ada, "cells.h5ad", 10)
    assert ada.folders.find(str(mine)) == str(mine)
    link = home.parent / "link.h5ad"
    link.symlink_to(mine)
    around = mine.parent / ".." / mine.parent.name / mine.name
    for path in (mine, link, around, home / "runs" / "1" / "fit.h5ad", home / audit.FILE, home):
        with pytest.raises(EngineError, match="belong to others"):
            bob.folders.find(str(path))
    outside = home.parent / "other.h5ad"
    assert bob.folders.find(str(outside)) == str(outside)
    assert [line[:2] for line in lines(services)] == [("ada/../bob", "uploaded")]


@pytest.mark.parametrize("part", ["uploads", "runs", "sweeps", "viewers", "counts"])
def test_a_part_of_the_home_on_another_disk_is_closed_too(services: Services, part: str) -> None:
    home = services.jobs.home
    disk = home.parent / "disk" / part
    (home / part).mkdir(parents=True, exist_ok=True)
    disk.parent.mkdir()
    (home / part).rename(disk)
    (home / part).symlink_to(disk)
    ada, bob = (people.services_of(services, name) for name in ("ada", "bob"))
    (mine,), _ = upload(ada, "cells.h5ad", 10)
    assert ada.folders.find(str(mine)) == str(mine.resolve())
    for folder in (home, disk.parent):
        with pytest.raises(EngineError, match="belong to others"):
            bob.folders.find(str(folder / part / "ada" / "cells.h5ad"))
    with pytest.raises(EngineError, match="belong to others"):
        bob.folders.find(str(mine))
    assert bob.folders.find(str(disk.parent / "x.h5ad")) == str(disk.parent / "x.h5ad")


def test_a_refusal_does_not_tell_where_a_link_leads(services: Services) -> None:
    ada, bob = (people.services_of(services, name) for name in ("ada", "bob"))
    (mine,), _ = upload(ada, "patient_7.h5ad", 10)
    link = services.jobs.home.parent / "link.h5ad"
    link.symlink_to(mine)
    with pytest.raises(EngineError, match=r"link\.h5ad") as refused:
        bob.folders.find(str(link))
    assert "patient" not in str(refused.value)


def test_each_has_a_folder_of_their_own() -> None:
    names = ["ada", "Ada", "a/da", "a.da", "../ada", "", "\u00e4da", "a" * 300, "a" * 301]
    folders = {people._folder(name) for name in names}
    assert len(folders) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9-]{1,60}", folder) for folder in folders)


def test_an_upload_over_the_quota_is_refused_before_it_begins(services: Services) -> None:
    ada, bob = (people.services_of(services, name, 1000) for name in ("ada", "bob"))
    assert upload(ada, "a.h5ad", 600)[1] == []
    _, (error,) = upload(ada, "b.h5ad", 600)
    assert "1 kB" in error.expected
    assert error.got == "600 bytes of yours, and 600 bytes more"
    assert "LOGRATIO_QUOTA_GB" in error.remedy
    assert upload(bob, "b.h5ad", 600)[1] == []
    assert upload(ada, "b.h5ad", 400)[1] == []


def test_a_fit_over_the_quota_is_refused(page: Callable[..., Person], services: Services) -> None:
    ada = page("ada", quota=1)
    ada.fit()
    ada.until(lambda: ada.state.status is not None and ada.state.status.state == "done")
    ada.state.param.update(run=None)
    ada.runner.fit()
    ada.until(lambda: ada.state.run_error is not None)
    assert "of one person" in ada.state.run_error.expected
    assert len(services.jobs.list()) == 1


def test_the_quota_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGRATIO_QUOTA_GB", raising=False)
    assert Settings().quota_bytes is None
    monkeypatch.setenv("LOGRATIO_QUOTA_GB", "1.5")
    assert Settings().quota_bytes == 1_500_000_000


def buttons(owner: str, shared: bool, who: str | None) -> list[str]:
    status = JobStatus("1", "run", "fit", "done", 0.0, passes=3, owner=owner, shared=shared)
    return re.findall(r'data-act="run-(\w+)"', row(status, False, False, who))[1:]


def test_the_menu_of_a_run_offers_what_one_may_do() -> None:
    assert buttons("ada", False, "ada") == ["rename", "save", "share", "delete"]
    assert buttons("ada", True, "bob") == ["save"]
    assert buttons("", False, "bob") == ["rename", "save", "delete"]
    assert buttons("", False, None) == buttons("ada", False, None) == ["rename", "save", "delete"]
    shared = JobStatus("1", "run", "fit", "done", 0.0, owner="ada", shared=True)
    assert 'aria-pressed="true"' in row(shared, False, False, "ada")
    assert "of ada" in row(shared, False, False, "bob")
    assert "of <" not in row(
        JobStatus("1", "r", "fit", "done", 0, owner="<", shared=True), 0, 0, "b"
    )


SECRET = "a secret of this test"


@pytest.mark.parametrize(
    ("cookies", "known", "user"),
    [
        ({"user": create_signed_value(SECRET, "user", "ada").decode()}, {"ada": "x"}, "ada"),
        ({"user": "ada"}, {"ada": "x"}, ""),
        ({"user": create_signed_value("another", "user", "ada").decode()}, {"ada": "x"}, ""),
        ({"user": create_signed_value(SECRET, "other", "ada").decode()}, {"ada": "x"}, ""),
        (
            {"user": create_signed_value(SECRET, "user", "ada").decode(), "is_guest": "1"},
            {"ada": "x"},
            "ada",
        ),
        ({}, {"ada": "x"}, ""),
        ({"user": create_signed_value(SECRET, "user", "ada").decode()}, "one for all", None),
        ({"user": create_signed_value(SECRET, "user", "ada").decode()}, None, None),
    ],
)
def test_a_name_is_believed_only_with_the_signature_of_the_server(
    monkeypatch: pytest.MonkeyPatch, cookies: dict[str, str], known: Any, user: str | None
) -> None:
    request = SimpleNamespace(cookies=cookies)
    document = SimpleNamespace(session_context=SimpleNamespace(request=request))
    state = SimpleNamespace(curdoc=document, cookies=cookies)
    config = SimpleNamespace(
        basic_auth=known, oauth_provider=None, cookie_secret=SECRET, oauth_expiry=1
    )
    monkeypatch.setattr(logins, "pn", SimpleNamespace(state=state, config=config))
    assert logins.who() == user


def test_runner_and_state_of_a_page_stay_apart(services: Services) -> None:
    ada = people.services_of(services, "ada")
    assert Runner(AppState(source="demo"), ada).services.who == "ada"
    assert services.who is None
    assert pn.state.curdoc is None or services.jobs.who == ""
    wait_for(lambda: services.jobs.list() == [])
