"""One file makes a card: the one in the documentation is shown, exported and reported."""

from __future__ import annotations

import importlib
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import panel as pn
import pytest

from dashboard.browser import Browser
from dashboard.cards import catalogue
from dashboard.cards.explore.tab import ExploreTab
from dashboard.export import Provenance, render
from dashboard.report import Subject, document, write_bundle
from dashboard.report.figures import as_they_stand, complete
from dashboard.state import AppState
from tests.dashboard.synthetic import make_fit

PAGE = Path(__file__).parents[2] / "docs" / "contributing.md"
TITLE = "Most variable genes"
CAPTION = "How much the CLR of a gene varies over cells under the model."
STEM = "most-variable-genes"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The file from the documentation, in the folder of its tab."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    (code,) = (block for block in blocks if "(Card)" in block)
    (tmp_path / "most_variable.py").write_text(code, "utf-8")
    package = importlib.import_module("dashboard.cards.explore")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield package
    del sys.modules["dashboard.cards.explore.most_variable"]
    del package.most_variable


@pytest.fixture
def card(written: ModuleType, state: AppState) -> Any:
    state.tab = "explore"
    return ExploreTab(state, Browser())["variance"]


def test_a_card_that_is_not_there_is_nowhere() -> None:
    assert "variance" not in [kind.entry for kind in catalogue.cards("explore")]


def test_the_page_shows_it(card: Any, state: AppState) -> None:
    words = " ".join(str(pane.object) for pane in card.__panel__().select(pn.pane.HTML))
    assert TITLE in words
    assert CAPTION in words
    state.show_fit(make_fit(genes=30, cells=40))
    shown = list(card.bars.rows.names)
    state.show_fit(make_fit(genes=30, cells=40, seed=1))
    assert list(card.bars.rows.names) != shown


@pytest.mark.slow
def test_it_is_taken_away_with_all_others(card: Any, state: AppState, tmp_path: Path) -> None:
    assert "variance" not in as_they_stand(state)
    state.show_fit(fit := make_fit(20, 12, 2))
    exports = as_they_stand(state)
    own = pd.read_csv(io.BytesIO(render(exports["variance"], "csv", Provenance.of(state))))
    assert list(own) == ["gene", "variance"]
    assert own["variance"].is_monotonic_decreasing
    assert CAPTION in render(exports["variance"], "svg", Provenance.of(state)).decode()
    subject, figures = Subject.of(fit), complete(fit, exports)
    write_bundle(tmp_path / "all.zip", subject, figures)
    with zipfile.ZipFile(tmp_path / "all.zip") as file:
        names = {re.sub(r"\d\d_", "", name) for name in file.namelist()}
        assert {f"figures/{STEM}.svg", f"data_of_figures/{STEM}.csv"} <= names
        assert f"{TITLE}. {CAPTION}" in file.read("README.txt").decode()
    report = document(subject, [f for f in figures if f.title == TITLE]).decode()
    assert f"<h3>{TITLE}</h3>" in report
    assert f"<figcaption>{CAPTION}</figcaption>" in report
    rows = report.split(f"{CAPTION}</figcaption>")[1].split("</table>")[0]
    assert rows.count("<tr>") == 1 + 10
    assert str(own["gene"][9]) in rows
    assert str(own["gene"][10]) not in re.findall(r"GENE\d+", rows)


def test_nobody_wakes_it_behind_another_tab(card: Any, state: AppState) -> None:
    state.tab = "topics"
    state.show_fit(make_fit(genes=30, cells=40))
    assert card.export() is None
    state.tab = "explore"
    assert card.export() is not None


def test_an_answer_that_comes_too_late_is_dropped(
    card: Any, state: AppState, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending: list[Callable[[], None]] = []

    def hold(_state: object, work: Any, then: Any, **_more: object) -> None:
        pending.append(lambda: then(work()))

    monkeypatch.setattr("dashboard.cards.card.summarised", hold)
    state.show_fit(make_fit(genes=30, cells=40))
    state.show_fit(fit := make_fit(genes=30, cells=40, seed=1))
    first, second = pending
    second()
    shown = list(card.bars.rows.names)
    first()
    assert list(card.bars.rows.names) == shown
    assert card.export().of is fit
    # The inputs of the shown result did not change: nothing is computed.
    state.param.trigger("top_genes")
    assert len(pending) == 2
