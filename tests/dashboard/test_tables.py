from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.cards.table import Column, Table


def test_what_the_page_chooses_is_no_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """Actions come later on a page: a selection that the page made by then must not count."""
    later: list[Callable[[], None]] = []

    def postponed(action: Callable[..., None]) -> Callable[..., None]:
        return lambda *arguments: later.append(lambda: action(*arguments))

    monkeypatch.setattr("dashboard.cards.table.one_message", postponed)
    heard: list[list[int]] = []
    table = Table([Column("name"), Column("value", "0.0")], on_row=heard.append)
    table.fill([["a", "b", "c"], [1.0, 2.0, 3.0]])
    table.choose(1)
    table.choose(None)
    table.choose(2)
    table.fill([["d", "e"], [1.0, 2.0]])
    assert not later
    table.widget.selection = [1]
    for action in later:
        action()
    assert heard == [[1]]
