from __future__ import annotations

from dashboard.one_message import one_message


def test_without_a_session_an_action_is_done_at_once() -> None:
    done: list[tuple[str, int]] = []
    act = one_message(lambda name, *, by: done.append((name, by)))
    assert act("gene", by=2) is None
    assert done == [("gene", 2)]
