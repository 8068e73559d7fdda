"""Work done at once fails as work in a thread does."""

from __future__ import annotations

import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

from dashboard.cards.background import summarised
from dashboard.state import AppState
from engine.errors import DataError


def test_quick_work_comes_at_once_and_its_failure_is_told() -> None:
    state, results = AppState(), []
    with set_curdoc(Document()):
        assert summarised(state, lambda: 3, results.append, quick=True).done()
        assert results == [3]
        error = DataError("genes", "none", "Choose others.")

        def fail() -> None:
            raise error

        summarised(state, fail, results.append, quick=True)
    assert results == [3]
    assert state.run_error is not None
    assert state.run_error.remedy == "Choose others."
    with pytest.raises(DataError):
        summarised(state, fail, results.append)
