from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import panel_material_ui as pmui
import param
import pytest

from dashboard.cards.frame import waiting_words
from dashboard.controls.data import DataControl
from dashboard.controls.run import RunControl, duration, left, others, words
from dashboard.controls.upload import UploadArea
from dashboard.folders import Folders
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.data import ChoiceNeeded, DataRequest, Offer
from engine.data.info import ColumnInfo, LayerInfo, SourceInfo
from engine.errors import NoRoom
from engine.jobs import JobStatus
from tests.dashboard.widgets import find, shown

Until = Callable[[Callable[[], object]], None]


def press(button: Any) -> None:
    button.clicks += 1


def job(**changes: Any) -> JobStatus:
    values: dict[str, Any] = {"id": "1", "name": "run", "kind": "fit", "state": "running"}
    return JobStatus(**{**values, "created": 0.0, **changes})


INFO = SourceInfo(
    "cells",
    "cells.h5ad",
    10,
    20,
    (LayerInfo("X", 20, False, "normalised values"), LayerInfo("raw", 20, True, "whole numbers")),
    (ColumnInfo("n_counts", "number", 9), ColumnInfo("type", "label", 3)),
    "raw",
    "because",
)


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source of which nothing can be read before a sample is named."""
    path, load = tmp_path / "several.csv", DataRequest.load

    def picky(request: DataRequest) -> Any:
        if request.source == str(path) and request.sample is None:
            offer = Offer("sample", ("A", "B"))
            raise ChoiceNeeded("one sample", "2: A, B", "Choose one.", offer)
        return load(request)

    monkeypatch.setattr(DataRequest, "load", picky)
    return path


class TestData:
    @pytest.fixture
    def control(self, state: AppState, runner: Runner) -> DataControl:
        return DataControl(state, runner)

    def test_a_path_is_opened_with_fresh_choices(
        self, control: DataControl, state: AppState
    ) -> None:
        state.param.update(layer="counts", reference="ACTB", genes=("A", "B"))
        find(control, pmui.TextInput, "Path of the counts").value = " /data/x.h5ad "
        press(find(control, pmui.Button, "Open path"))
        assert state.source == "/data/x.h5ad"
        assert (state.layer, state.reference, state.genes) == (None, None, 2000)

    def test_the_demo_is_a_press_away(
        self, control: DataControl, state: AppState, until: Until
    ) -> None:
        state.source = "/missing.h5ad"
        press(find(control, pmui.Button, "Open demo"))
        assert state.source == "demo"
        until(lambda: state.ready)

    def test_a_path_outside_the_data_folder_is_told(
        self, state: AppState, runner: Runner, tmp_path: Path
    ) -> None:
        (tmp_path / "cells.h5ad").touch()
        runner.services.folders = Folders(tmp_path / "uploads", tmp_path)
        control = DataControl(state, runner)
        path = find(control, pmui.TextInput, "Path of the counts")
        path.value = "/etc/passwd"
        press(find(control, pmui.Button, "Open path"))
        assert (state.source, state.data_error.got) == ("demo", "/etc/passwd")
        pick = find(control, pmui.Select, "Files on the server")
        pick.value = "cells.h5ad"
        assert state.source == str(tmp_path / "cells.h5ad")

    def test_there_is_nothing_to_pick_without_a_data_folder(self, control: DataControl) -> None:
        assert not shown(control, pmui.Select)

    def test_an_upload_is_opened_or_deleted(
        self, control: DataControl, state: AppState, until: Until, tmp_path: Path
    ) -> None:
        (area,) = control.__panel__().select(UploadArea)
        (tmp_path / "good.h5ad").touch()
        area._arrived(tmp_path / "good.h5ad")
        until(lambda: state.source == str(tmp_path / "good.h5ad") and state.ready)
        (tmp_path / "missing.h5ad").touch()
        area._arrived(tmp_path / "missing.h5ad")
        until(lambda: state.data_error)
        assert "was deleted" in state.data_error.remedy
        assert not (tmp_path / "missing.h5ad").exists()
        assert state.source == str(tmp_path / "good.h5ad")

    def test_an_upload_stays_where_there_is_no_room_to_read_it(
        self,
        control: DataControl,
        state: AppState,
        until: Until,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def load(request: DataRequest) -> NoReturn:
            raise NoRoom("room", "none", "Free some.")

        monkeypatch.setattr(DataRequest, "load", load)
        (tmp_path / "sound.h5ad").touch()
        control._arrived(tmp_path / "sound.h5ad")
        until(lambda: state.data_error)
        assert state.data_error.remedy == "Free some."
        assert (tmp_path / "sound.h5ad").exists()

    def test_what_the_file_offers_can_be_chosen(
        self, control: DataControl, state: AppState
    ) -> None:
        state.info = INFO
        layer = find(control, pmui.Select, "Layer")
        assert list(layer.options) == [
            "automatic (raw)",
            "X: normalised values",
            "raw: whole numbers",
        ]
        assert state.layer is None
        layer.value = "X"
        assert state.layer == "X"
        size = find(control, pmui.Select, "Library size")
        assert list(size.options.values()) == ["", "n_counts"]
        size.value = "n_counts"
        assert (state.layer, state.library_size) == ("X", "n_counts")
        layer.value = ""
        assert state.layer is None

    def test_a_choice_that_is_needed_is_made_here(
        self, control: DataControl, state: AppState, until: Until, several: Path
    ) -> None:
        labels = [box.label for box in control.__panel__().select(pmui.Select)]
        assert "Sample" not in labels
        find(control, pmui.TextInput, "Path of the counts").value = str(several)
        press(find(control, pmui.Button, "Open path"))
        until(lambda: state.data_error)
        assert state.data_error.got.endswith("A, B")
        sample = find(control, pmui.Select, "Sample")
        assert list(sample.options) == ["choose one", "A", "B"]
        assert state.source == str(several)
        sample.value = "B"
        until(lambda: state.ready)
        assert state.loaded.sample == "B"
        assert state.data_error is None
        press(find(control, pmui.Button, "Open demo"))
        assert state.sample is None
        assert [box.label for box in control.__panel__().select(pmui.Select)] == labels

    def test_an_upload_that_needs_a_choice_is_kept(
        self, control: DataControl, state: AppState, until: Until, several: Path
    ) -> None:
        several.touch()
        (area,) = control.__panel__().select(UploadArea)
        area._arrived(several)
        until(lambda: state.offers)
        assert several.exists()

    def test_what_can_be_chosen_besides(self, control: DataControl, state: AppState) -> None:
        types = ("Gene Expression", "Antibody Capture")
        offers = (Offer("feature_type", types, types[0]), Offer("round", ("yes",)))
        with param.parameterized.discard_events(state):
            state.source = "cells.h5ad"
        state.offers = offers
        kind = find(control, pmui.Select, "Feature type")
        assert list(kind.options) == ["automatic (Gene Expression)", *types]
        kind.value = "Antibody Capture"
        assert (state.feature_type, state.round) == ("Antibody Capture", False)
        rounding = find(control, pmui.Switch, "Round corrected counts")
        rounding.value = True
        assert state.request().round
        assert state.request().feature_type == "Antibody Capture"
        assert {w.label for w in shown(control, pmui.Select)} == {"Feature type"}


class TestRun:
    @pytest.fixture
    def control(self, state: AppState, runner: Runner) -> RunControl:
        return RunControl(state, runner)

    def test_fit_becomes_stop_and_back(
        self, control: RunControl, state: AppState, runner: Runner, until: Until
    ) -> None:
        button = find(control, pmui.Button, "Fit")
        runner.read()
        until(lambda: state.ready)
        press(button)
        until(lambda: state.fit)
        assert button.label == "Stop"
        press(button)
        until(lambda: state.status.state == "stopped")
        assert button.label == "Fit"

    def test_bar_shows_the_share_or_that_it_is_unknown(
        self, control: RunControl, state: AppState
    ) -> None:
        assert not shown(control, pmui.LinearProgress)
        state.status = job()
        (bar,) = shown(control, pmui.LinearProgress)
        assert bar.variant == "indeterminate"
        state.status = job(fraction=0.25)
        assert (bar.variant, bar.value) == ("determinate", 25)
        state.status = job(state="done", fraction=1.0)
        assert not shown(control, pmui.LinearProgress)

    def test_words_say_what_how_far_and_how_long(self) -> None:
        said = words(
            job(
                phase="fitting",
                passes=4,
                seconds=12.0,
                seconds_left=130.0,
                log_marginal_per_cell=-1234.5,
                n_failed_cells=3,
            )
        )
        for part in ("Fitting", "pass 4", "12 s", "about 2 min left", "−1,234.50 nats", "3 cells"):
            assert part in said

    @pytest.mark.parametrize(
        "state", ["queued", "done", "stopped", "failed", "interrupted", "cancelled"]
    )
    def test_every_end_has_words(self, state: str) -> None:
        assert "<b>" in words(job(state=state))

    def test_a_failure_tells_its_message_without_markup(self) -> None:
        said = words(job(state="failed", message="<img src=x onerror=alert(1)>"))
        assert 'class="bad"' in said
        assert "<img" not in said

    def test_the_start_is_over_after_its_first_passes(self) -> None:
        assert "<b>Starting</b>" in words(job(phase="starting"))
        assert "<b>First passes</b>" in words(job(phase="starting on a subsample", passes=6))

    def test_a_new_fit_is_asked_for_beside_no_old_end(self) -> None:
        assert "Finished" in words(job(state="done"))
        assert "Finished" not in words(job(state="done"), requested=True)

    def test_runs_that_go_on_beside_the_shown_one_are_told(self) -> None:
        run = job(phase="fitting", passes=4, seconds=12.0, seconds_left=47.0)
        ended = job(id="2", state="done")
        assert others([run, ended], run.id) == others([ended], None) == ""
        said = others([run, ended], ended.id)
        assert f'data-act="run-open" data-value="{run.id}"' in said
        assert "Fitting · pass 4 · 12 s · about 45 s left" in said

    def test_a_card_that_waits_says_pass_and_time(self) -> None:
        assert "first pass" in waiting_words(job())
        assert "runs before it" in waiting_words(job(state="queued"))
        said = waiting_words(job(phase="starting", passes=2, seconds=31.0))
        assert said.endswith("first passes · pass 2 · 31 s.")
        assert waiting_words(job(state="done", passes=9, seconds=40.0)) == "Opening the fit."

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "a few seconds left"),
            (9.0, "a few seconds left"),
            (42.0, "about 40 s left"),
            (99.0, "about 100 s left"),
            (200.0, "about 3 min left"),
        ],
    )
    def test_what_is_left_is_no_more_than_an_estimate(self, seconds: float, text: str) -> None:
        assert left(seconds) == text

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.44, "0.4 s"), (59, "59 s"), (600, "10 min"), (7200, "2.0 h")]
    )
    def test_duration(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text
