"""The Check tab: checks are started, found again, drawn, clicked and exported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import pytest

from dashboard.browser import Browser
from dashboard.cards.check.bar import progress
from dashboard.cards.check.checker import NO_CELLS, NO_FIT, NOT_SAVED
from dashboard.cards.check.findings import NOTHING, page
from dashboard.cards.check.tab import CheckTab
from dashboard.cards.check.tab_choices import CheckChoices
from dashboard.plots.check_bins import KINDS, limits
from dashboard.plots.check_counts import MOST, CountPanels
from dashboard.plots.check_points import CHARTS, drawn
from dashboard.state import AppState
from engine import checks
from engine.jobs import Checked, Checks, ForeignRun, Jobs
from engine.results import AnyFit
from tests.dashboard.saved import EVIL, save_run
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.dashboard.widgets import choices
from tests.tiny import CELLS, GENES
from tests.waiting import wait_for

pn.extension("tabulator")


@dataclass(frozen=True)
class Home:
    """A server with two runs of the same made-up counts, and results of their checks."""

    jobs: Jobs
    checks: Checks
    run: str
    fit: AnyFit
    other: str
    topics: AnyFit

    @property
    def runner(self) -> Any:
        return SimpleNamespace(
            services=SimpleNamespace(jobs=self.jobs, checks=self.checks), also=list[Any]()
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    made = make_fit(CELLS, GENES - 1, 2, capture=False), make_topic_fit(CELLS, GENES - 1, 2)
    runs = [save_run(folder, fit) for fit in made]
    jobs = Jobs(folder)
    yield Home(jobs, Checks(jobs), runs[0], jobs.result(runs[0]), runs[1], jobs.result(runs[1]))
    jobs.close()


class Seat:
    """One person's page, its Check tab in front."""

    def __init__(self, home: Home, *, topics: bool = False) -> None:
        self.state = AppState(tab="check")
        self.view = CheckTab(self.state, Browser(), home.runner)
        self.choices = self.view.choices
        self.state.show_run(home.other if topics else home.run)
        self.state.show_fit(home.topics if topics else home.fit)
        self.view.checker.tick()

    def check(self) -> Checked:
        self.view.check_bar._press(None)
        return self.wait()

    def wait(self) -> Checked:
        wait_for(lambda: not self.choices.running, meanwhile=self.view.checker.tick)
        assert self.choices.status.state == "done", self.choices.status.message
        checked = self.choices.checked
        assert isinstance(checked, Checked)
        return checked


@pytest.fixture(scope="module")
def checked_seat(home: Home) -> tuple[Seat, Callable[[], None]]:
    made = Seat(home)
    made.choices.draws = 20
    made.choices.cells = "each cell_type"
    made.check()
    return made, choices(made.state, made.choices)


@pytest.fixture
def seat(checked_seat: tuple[Seat, Callable[[], None]]) -> Seat:
    """A page that shows a check; all tests share it, each with the first choices."""
    made, back = checked_seat
    back()
    return made


def test_a_check_is_found_again_by_another_page_whose_choices_are_its_own(
    seat: Seat, home: Home
) -> None:
    seat.check()
    other = Seat(home)
    assert other.wait() is seat.choices.checked
    assert (other.choices.draws, other.choices.cells) == (20, "each cell_type")
    other.choices.param.update(kind="ecdf", group="B", chart="pairs")
    other.state.choose_gene(str(home.fit.genes[0]))
    assert (seat.choices.kind, seat.choices.group, seat.choices.chart) == (
        "histogram",
        "all cells",
        "zeros",
    )
    assert seat.state.marked == ()
    # another run has none, and the result of the first disappears
    other.state.show_run(home.other)
    other.state.show_fit(home.topics)
    other.view.checker.tick()
    assert other.choices.checked is None
    assert other.view.check_bar.totals.disabled


def test_who_only_looks_is_told_that_the_run_keeps_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def permit(id: str) -> None:
        raise ForeignRun("a run of yours", id, "Ask.")

    monkeypatch.setattr(home.jobs, "permit", permit)
    saved: list[bool] = []
    submit = home.checks.submit

    def watched(*given: Any, keep: bool) -> str:
        saved.append(keep)
        return submit(*given, keep=keep)

    monkeypatch.setattr(home.checks, "submit", watched)
    seat = Seat(home)
    seat.choices.draws = 20
    seat.check()
    assert saved == [False]
    assert NOT_SAVED in unescape(seat.view.check_bar._far.object)


def test_what_cannot_be_checked_is_said(home: Home) -> None:
    empty = Seat(home)
    empty.choices.cells = "selected cells"
    empty.view.check_bar._press(None)
    assert empty.choices.wrong == NO_CELLS
    assert NO_CELLS in progress(None, empty.choices.wrong, 0.0)
    empty.state.partial = "pass 2"
    empty.view.check_bar._press(None)
    assert empty.choices.wrong == NO_FIT


def test_selected_cells_are_checked(home: Home) -> None:
    seat = Seat(home)
    seat.choices.param.update(draws=20, cells="selected cells")
    seat.state.select(np.arange(CELLS) < 40)
    assert seat.check().check.n_cells == 40


def test_a_check_is_stopped_by_the_button_it_was_started_with(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps(*_: object, **__: object) -> Iterator[checks.CheckProgress]:
        while True:
            time.sleep(0.005)
            yield checks.CheckProgress(0.3)

    monkeypatch.setattr(checks, "predictive_check_iter", steps)
    seat = Seat(home)
    seat.choices.draws = 33
    button = seat.view.check_bar.button
    seat.view.check_bar._press(None)
    assert button.label == "Stop"
    wait_for(lambda: seat.choices.status.fraction, meanwhile=seat.view.checker.tick)
    assert "looking" in seat.view.check_bar._far.object
    seat.view.check_bar._press(None)
    wait_for(lambda: not seat.choices.running, meanwhile=seat.view.checker.tick)
    assert button.label == "Check"
    assert "Stopped" in seat.view.check_bar._far.object


def test_genes_are_chosen_in_every_view(seat: Seat) -> None:
    view, state = seat.view, seat.state
    assert len(view["counts of genes"].plot.genes) == MOST
    seat.choices.fitting = True
    gene = view["table of genes"].table.widget.value["c0"].iloc[5]
    view["table of genes"].table.widget.selection = [5]
    assert state.marked == (gene,)
    assert view["counts of genes"].plot.genes[0] == gene
    assert view["table of genes"].table.widget.selection == [5]
    assert len(view["chart"].points._rings.data["x"]) == 1
    view["chart"]._turn("residuals")
    assert view["chart"].residuals.figure.title.text == gene
    # a panel is clicked
    other = view["counts of genes"].plot.genes[1]
    assert view["counts of genes"].plot.at(1.5, 2.5) == other
    state.choose_gene(other)
    seat.choices.genes = "chosen"
    assert view["counts of genes"].plot.genes == (other, gene)
    view["chart"]._choose((gene, other))
    assert state.pair == (gene, other)


def test_words_tell_what_is_wrong_worst_first_as_text(seat: Seat) -> None:
    checked = seat.choices.checked
    quiet = replace(checked, check=replace(checked.check, findings=()))
    assert NOTHING in page(quiet)
    few = replace(quiet, check=replace(quiet.check, notes=("Too few cells.",)))
    assert NOTHING in page(few)
    assert "Too few cells." in page(few)
    laplace = replace(checked.laplace, warning="Laplace should not be trusted.")
    bad = replace(
        checked, laplace=laplace, check=replace(checked.check, findings=(f"{EVIL}: variance",))
    )
    words = page(bad)
    assert "<img" not in words
    assert words.index("Laplace should not") < words.index("variance")
    assert f"{CELLS} cells, 20 draws" in words


@pytest.mark.parametrize(
    ("kind", "chart"), list(zip([*KINDS, "ecdf", "ecdf"], CHARTS, strict=True))
)
def test_all_kinds_are_drawn_and_can_be_taken_away(seat: Seat, kind: str, chart: str) -> None:
    view = seat.view
    seat.choices.param.update(kind=kind, chart=chart, group="B")
    for export in (view["counts of genes"].export(), view["chart"].export()):
        assert export is not None
        assert export.draw().axes
        assert len(export.table())
    if chart == "zeros":
        table = export.table()
        assert (table["observed"] <= 1).all()
    for panel in view["counts of genes"].bars.groupby("gene"):
        low, high = limits(panel[1], kind)
        assert low < high


@pytest.mark.parametrize("tab", ["residuals", "totals"])
def test_lines_are_drawn_and_can_be_taken_away(seat: Seat, tab: str) -> None:
    view = seat.view
    view["chart"]._turn(tab)
    export = view["chart"].export()
    assert export is not None
    assert export.draw().axes
    assert set(export.table().reset_index()["group"]) == {"all cells"}


def test_the_table_of_misfits_is_taken_away(seat: Seat) -> None:
    seat.choices.param.update(fitting=True, discrepancy="variance")
    export = seat.view["table of genes"].export()
    assert export is not None
    assert export.draw().axes
    assert set(export.table()["discrepancy"]) == {"variance"}
    assert len(export.table()) == len(seat.view["table of genes"].table.widget.value)


def test_topics_have_no_totals_to_show(home: Home) -> None:
    seat = Seat(home, topics=True)
    seat.choices.draws = 20
    seat.check()
    seat.view["chart"]._turn("totals")
    assert seat.view["chart"].totals.figure.title.text
    assert seat.view["chart"].export() is None


def test_logarithms_are_of_both_axes_where_they_are_asked_for() -> None:
    points = pd.DataFrame(
        {"gene": ["A", "B"], "mean": [10.0, 0.1], "observed": [100.0, 0.0], "predicted": [1.0, 1.0]}
    ).assign(low_90=0.1, high_90=10.0, q_value=[0.0, 1.0], misfit=[True, False])
    shown = drawn(points, CHARTS["variance"])
    assert shown["x"].tolist() == [1, -1]
    # none of 100 and 1: half of the least
    assert shown["y"].tolist() == pytest.approx([2, np.log10(0.5)])
    assert shown["y0"].tolist() == pytest.approx([np.log10(0.5)] * 2)
    assert shown["shape"].tolist() == ["diamond", "circle"]
    level = drawn(points, CHARTS["clr"])
    assert level["x"].tolist() == [1, 1]
    assert level["x1"].tolist() == [10, 10]


def test_panels_of_no_gene_are_empty() -> None:
    plot, choices = CountPanels(), CheckChoices()
    empty = pd.DataFrame({"gene": [], "line": []})
    plot.show(empty, choices.kind)
    assert plot.genes == ()
    assert plot.at(0.5, 0.5) is None
