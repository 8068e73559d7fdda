from __future__ import annotations

from dashboard.batched import together


def test_without_a_session_an_action_is_done_at_once() -> None:
    done: list[tuple[str, int]] = []
    act = together(lambda name, *, by: done.append((name, by)))
    assert act("gene", by=2) is None
    assert done == [("gene", 2)]
