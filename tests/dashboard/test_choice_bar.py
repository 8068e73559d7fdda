from __future__ import annotations

import panel as pn

from dashboard.cards.choice_bar import ChoiceBar
from dashboard.state import AppState
from tests.dashboard.synthetic import make_fit


def words(view: ChoiceBar) -> str:
    return " ".join(pane.object or "" for pane in view.__panel__().select(pn.pane.HTML))


def test_what_is_still_to_come_is_told_until_it_is_there() -> None:
    state = AppState()
    view = ChoiceBar(state)
    state.show_fit(make_fit(), partial="pass 3 of about 20")
    assert "pass 3 of about 20" in words(view)
    state.param.update(partial="", placing="laying out 40 cells")
    assert "UMAP: laying out 40 cells" in words(view)
    state.placing = ""
    assert "UMAP" not in words(view)
