"""Limits of each person on a server, and what people share."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard import listening, people, saved_selections
from dashboard.controls.data import DataControl
from dashboard.controls.run_list import RunsControl
from dashboard.runner import Runner
from dashboard.server_settings import Settings
from dashboard.services import Services
from dashboard.state import AppState
from engine.errors import ConfigError, EngineError
from tests.dashboard.synthetic import Steps
from tests.dashboard.test_export import Saved
from tests.dashboard.test_people import Person, Sent, lines
from tests.waiting import wait_for


def test_uploads_that_have_only_begun_count_in_full(services: Services) -> None:
    def begin() -> tuple[Sent, list[EngineError]]:
        failed: list[EngineError] = []
        # One page for each person.
        own = people.services_of(services, "ada", 1000)
        area = Sent(own.folders, lambda path: None, failed.append)
        area._handle_msg({"do": "begin", "name": "a.h5ad", "size": 600})
        area._handle_msg({"do": "part", "at": 0, "bytes": b"x" * 10})
        return area, failed

    first, failed = begin()
    assert failed == []
    assert begin()[1][0].got == "600 bytes of yours, and 600 bytes more"
    first._handle_msg({"do": "cancel"})
    second, failed = begin()
    assert failed == []
    second._handle_msg({"do": "part", "at": 10, "bytes": b"x" * 590})
    assert begin()[1][0].got == "600 bytes of yours, and 600 bytes more"


def test_what_a_page_that_was_closed_has_begun_is_given_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Callable[[object], None]] = []
    document = SimpleNamespace(session_context=object(), on_session_destroyed=ended.append)
    area = with_document(monkeypatch, document, lambda: Sent(services.folders, print, print))
    area._handle_msg({"do": "begin", "name": "a.h5ad", "size": 600})
    assert len(list(services.folders.uploads.iterdir())) == 1
    for end in ended:
        end(None)
    assert list(services.folders.uploads.iterdir()) == []


def with_document[Made](
    monkeypatch: pytest.MonkeyPatch, document: object, make: Callable[[], Made]
) -> Made:
    with monkeypatch.context() as patch:
        state = SimpleNamespace(curdoc=document)
        patch.setattr("dashboard.controls.upload.pn", SimpleNamespace(state=state))
        return make()


def test_counts_are_told_as_opened_once_they_were_read(services: Services, tmp_path: Path) -> None:
    own = people.services_of(services, "ada")
    state = AppState(source="demo")
    runner = Runner(state, own)
    control = DataControl(state, runner)

    def ask(path: str) -> None:
        control._path.value_input = path
        control._open()
        wait_for(lambda: not state.reading, meanwhile=runner.tick)

    runner.read()
    wait_for(lambda: state.ready, meanwhile=runner.tick)
    ask(str(tmp_path / "missing.h5ad"))
    assert state.data_error is not None
    assert lines(services) == []
    there = str(tmp_path / "there.h5ad")
    ask(there)
    assert lines(services) == [("ada", "opened", there)]
    state.genes = 5
    wait_for(lambda: not state.reading, meanwhile=runner.tick)
    assert len(lines(services)) == 1
    ask(there)
    assert len(lines(services)) == 2


def test_a_fit_that_leaves_the_server_is_told(services: Services, steps: Steps) -> None:
    steps.go_on.set()
    ada, bob = (Person(people.services_of(services, name), "") for name in ("ada", "bob"))
    run = ada.fit()
    ada.until(lambda: ada.state.status is not None and ada.state.status.state == "done")
    ada.runner.share(run, True)
    bob.runner.tick()
    browser = Saved()
    RunsControl(bob.state, bob.runner, browser)._save(run)
    wait_for(lambda: browser.files or bob.state.run_error)
    assert ("bob", "exported", run) in lines(services)


def test_files_uploaded_before_there_were_logins_are_everybodys(services: Services) -> None:
    uploads = services.folders.uploads
    uploads.mkdir(parents=True)
    before = uploads / "before.h5ad"
    before.touch()
    ada, bob = (people.services_of(services, name) for name in ("ada", "bob"))
    theirs = ada.folders.begin("mine.h5ad", 1)
    theirs.add(b"x")
    mine = theirs.finish()
    assert {own.folders.find(str(before)) for own in (ada, bob)} == {str(before)}
    for path in (mine, mine.parent, uploads, uploads / "gone.h5ad", uploads.parent / "audit.jsonl"):
        with pytest.raises(EngineError, match="belong to others") as raised:
            bob.folders.find(str(path))
        # The folder of a person is not shown to others.
        assert raised.value.got == path.name


def test_selections_of_who_only_looks_lie_apart_and_are_found_again(
    services: Services, steps: Steps
) -> None:
    steps.go_on.set()
    ada = Person(people.services_of(services, "ada"), "")
    run = ada.fit()
    ada.until(lambda: ada.state.status is not None and ada.state.status.state == "done")
    ada.runner.share(run, True)

    def select(name: str, cells: int) -> tuple[np.ndarray, str]:
        person = Person(people.services_of(services, name), f"?run={run}")
        person.until(lambda: person.state.fit is not None)
        mask = np.arange(len(person.state.fit.cells)) < cells
        person.state.selected = mask
        key = saved_selections.name(mask)
        person.until(lambda: list(services.jobs.home.rglob(f"{key}.npz")))
        return mask, key

    def selection_of(name: str, key: str) -> np.ndarray | None:
        person = Person(people.services_of(services, name), f"?run={run}&cells={key}")
        person.until(lambda: person.state.selected is not None or person.state.run_error)
        return person.state.selected

    (_, owners), (mask, viewers) = select("ada", 3), select("bob", 4)
    in_run = services.jobs.folder(run) / saved_selections.FOLDER
    assert [path.stem for path in in_run.iterdir()] == [owners]
    np.testing.assert_array_equal(selection_of("bob", viewers), mask)
    assert selection_of("eve", owners) is not None
    assert selection_of("eve", viewers) is None


@pytest.mark.parametrize("name", ["LOGRATIO_QUOTA_GB", "LOGRATIO_UPLOAD_GB"])
@pytest.mark.parametrize("given", ["50 GB", "nan", "inf", "-1", "1,5"])
def test_a_setting_that_is_no_number_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str
) -> None:
    monkeypatch.setenv(name, given)
    with pytest.raises(ConfigError, match=name) as raised:
        Settings()
    assert given in raised.value.got


def test_all_addresses_of_a_port_are_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sockets = [(ip_address(of), 5919) for of in ("0.0.0.0", "::")]
    monkeypatch.setattr(listening, "_listening", lambda: sockets)
    listening.tell_once.__wrapped__(True)
    assert capsys.readouterr().err.startswith("Logratio listens on all addresses port 5919: ")
