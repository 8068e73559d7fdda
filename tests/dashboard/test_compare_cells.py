"""Two runs cell by cell."""

from __future__ import annotations

import numpy as np
import panel as pn
import pytest

from dashboard.cards.compare.both_cells import TITLE, apart
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from tests.dashboard.compared import Shown, Until, fits, show
from tests.runs import save_runs

pn.extension("tabulator")


@pytest.fixture
def ids(services: Services) -> list[str]:
    return save_runs(services.jobs.home, fits())


@pytest.fixture
def shown(state: AppState, runner: Runner, ids: list[str], until: Until) -> Shown:
    return show(state, runner, ids, until)


@pytest.mark.slow
def test_cell_by_cell(shown: Shown) -> None:
    state, view = shown
    view.stacked.turn("cells")
    scatter = view["cell by cell"]
    assert len(scatter.choice.options) == 3
    assert "r = −1.00 over 30 cells" in scatter._words.object
    assert len(scatter.plot.same.data["x"]) == 0
    for name in ("capture", "log_marginal"):
        view.choices.quantity = name
        assert len(scatter.plot.same.data["x"]) == 2
    view.choices.quantity = "capture"
    np.testing.assert_allclose(*scatter.result.values.T)
    state.select(np.arange(60) < 20)
    assert scatter.plot.points.under.visible


@pytest.mark.slow
def test_error_bars_on_demand(
    shown: Shown, ids: list[str], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.cards.compare.cell_scatter.MOST_BARS", 10)
    state, view = shown
    view.stacked.turn("cells")
    scatter = view["cell by cell"]
    beside, drawn = view.compared.beside, scatter.plot.bars.source
    assert beside is not None
    assert scatter.bars.visible
    assert not len(drawn.data["x0"])
    assert not scatter.export().draw().axes[0].containers
    scatter.bars.value = True
    # half of them across, half upright
    assert len(drawn.data["x0"]) == 20
    state.select(np.isin(np.arange(60), beside.here[:10]))
    place = beside.partner(view.choices.by, 0, None)
    fits = (beside.fit, 0, beside.here[:10]), (beside.other.fit, place, beside.there[:10])
    (x, dx), (y, dy) = ((f.scores[c, j], f.scores_sd[c, j]) for f, j, c in fits)  # type: ignore[union-attr]
    np.testing.assert_allclose(drawn.data["x0"], np.r_[x - dx, x], rtol=1e-5)
    np.testing.assert_allclose(drawn.data["y1"], np.r_[y, y + dy], rtol=1e-5)
    export = scatter.export()
    assert len(export.draw().axes[0].containers) == 1
    assert export.table().filter(like=", sd").shape == (30, 2)
    view.choices.quantity = "capture"
    assert len(drawn.data["x0"]) == 20
    view.choices.quantity = "log_marginal"
    assert not scatter.bars.visible
    assert not len(drawn.data["x0"])
    view.choices.quantity = "score"
    state.other = ids[0]
    until(lambda: scatter.result is not None and view.compared.beside is not beside)
    until(lambda: len(drawn.data["x0"]) == 20 and np.isnan(drawn.data["y0"][10:]).all())


@pytest.mark.parametrize(
    ("names", "titles"),
    [
        (("A: d · lda k20", "B: d · lnm k10"), ("A: lda k20", "B: lnm k10")),
        (("A: d · lda k20", "B: d · lda k20"), ("A: lda k20", "B: lda k20")),
        (("A: mine", "B: d · lda"), ("A: mine", "B: d · lda")),
        (("A: a · b", "B: a"), ("A: a · b", "B: a")),
    ],
)
def test_titles_say_what_tells_two_runs_apart(
    names: tuple[str, str], titles: tuple[str, str]
) -> None:
    assert apart(*names) == titles
    assert all(len(title) <= 3 + TITLE for title in apart(f"A: {'x' * 99}", "B: y"))
