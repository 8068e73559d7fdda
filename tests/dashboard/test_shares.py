"""What one person may take of a server, what is everybody's, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dashboard import people
from dashboard.runner import Services
from engine.errors import EngineError
from tests.dashboard.test_people import Sent


def test_uploads_that_have_only_begun_count_in_full(services: Services) -> None:
    def begin() -> tuple[Sent, list[EngineError]]:
        failed: list[EngineError] = []
        # A page each.
        own = people.services_of(services, "ada", 1000)
        area = Sent(own.places, lambda path: None, failed.append)
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
    area = with_document(monkeypatch, document, lambda: Sent(services.places, print, print))
    area._handle_msg({"do": "begin", "name": "a.h5ad", "size": 600})
    assert len(list(services.places.uploads.iterdir())) == 1
    for end in ended:
        end(None)
    assert list(services.places.uploads.iterdir()) == []


def with_document[Made](
    monkeypatch: pytest.MonkeyPatch, document: object, make: Callable[[], Made]
) -> Made:
    with monkeypatch.context() as patch:
        state = SimpleNamespace(curdoc=document)
        patch.setattr("dashboard.controls.upload.pn", SimpleNamespace(state=state))
        return make()
