from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.asked import BOTH, FACTORS_BY_VAE, OF_LDA, OF_LNM, TRAINING
from dashboard.controls.data import DataControl
from dashboard.controls.model import ModelControl
from dashboard.controls.run import RunControl, duration, words
from dashboard.controls.upload import UploadArea
from dashboard.places import Places
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.config import LDAConfig, LNMConfig
from engine.data.info import ColumnInfo, LayerInfo, SourceInfo
from engine.jobs import JobStatus
from tests.dashboard.synthetic import make_counts

Until = Callable[[Callable[[], object]], None]


def find[W](viewer: pn.viewable.Viewer, kind: type[W], label: str) -> W:
    """The one widget of this kind and label."""
    found = [w for w in viewer.__panel__().select(kind) if w.label == label]
    assert len(found) == 1, (label, found)
    return found[0]


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
        runner.services.places = Places(tmp_path / "uploads", tmp_path)
        control = DataControl(state, runner)
        path = find(control, pmui.TextInput, "Path of the counts")
        path.value = "/etc/passwd"
        press(find(control, pmui.Button, "Open path"))
        assert (state.source, state.data_error.got) == ("demo", "/etc/passwd")
        pick = find(control, pmui.Select, "Files on the server")
        assert pick.visible
        pick.value = "cells.h5ad"
        assert state.source == str(tmp_path / "cells.h5ad")

    def test_there_is_nothing_to_pick_without_a_data_folder(self, control: DataControl) -> None:
        assert not find(control, pmui.Select, "Files on the server").visible

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


class TestModel:
    @pytest.fixture
    def control(self, state: AppState) -> ModelControl:
        return ModelControl(state)

    def test_settings_reach_the_configuration(self, control: ModelControl, state: AppState) -> None:
        find(control, pmui.RadioButtonGroup, "").value = "lnm"
        find(control, pmui.IntInput, "Factors").value = 4
        find(control, pmui.Select, "Residual d").value = "low_rank"
        find(control, pmui.Select, "Capture prior").value = "population"
        find(control, pmui.FloatInput, "Molecules per cell M₀").value = 6e4
        find(control, pmui.IntInput, "Seed").value = 3
        config = state.config()
        assert (config.capture, config.n_factors, config.d_mode) == (False, 4, "low_rank")
        assert (config.capture_prior, config.molecules, config.seed) == ("population", 6e4, 3)

    def test_genes_by_number_all_or_name(self, control: ModelControl, state: AppState) -> None:
        kind = find(control, pmui.Select, "Genes")
        names = find(control, pmui.TextAreaInput, "Names")
        kind.value = "all"
        assert state.genes == "all"
        kind.value = "named"
        assert state.genes == "all", "no names yet"
        assert names.visible
        names.value = "CD3E, CD8A\nNKG7;LYZ"
        assert state.genes == ("CD3E", "CD8A", "NKG7", "LYZ")
        kind.value = "variable"
        assert state.genes == 2000
        assert not names.visible

    def test_reference_is_a_gene_or_automatic(self, control: ModelControl, state: AppState) -> None:
        reference = find(control, pmui.AutocompleteInput, "Reference")
        reference.value = " ACTB "
        assert state.reference == "ACTB"
        reference.value = ""
        assert state.reference is None

    def test_reference_is_found_among_the_genes_of_the_data(
        self, control: ModelControl, state: AppState
    ) -> None:
        reference = find(control, pmui.AutocompleteInput, "Reference")
        reference.value = "NOT THERE"
        state.counts = make_counts()
        assert "GENE3" in reference.options
        assert reference._filter_options("gene1") == ["GENE1", "GENE10", "GENE11"]
        assert state.reference == "NOT THERE", "looking at other genes chooses none"

    def test_advanced_settings_reach_the_configuration(
        self, control: ModelControl, state: AppState
    ) -> None:
        assert state.config() == LNMConfig(capture=True, n_factors=3)
        find(control, pmui.IntInput, "Most passes").value = 7
        find(control, pmui.FloatInput, "Most seconds").value = 90.0
        find(control, pmui.FloatInput, "Tolerance").value = 0.01
        find(control, pmui.FloatInput, "Prior sd of loadings W").value = 0.3
        find(control, pmui.FloatInput, "Prior mean of log d").value = -2.0
        find(control, pmui.FloatInput, "Prior sd of log d").value = 1.5
        find(control, pmui.Select, "Precision").value = "float64"
        find(control, pmui.IntInput, "Cells per block").value = 128
        expected = {
            "max_passes": 7,
            "max_seconds": 90.0,
            "tolerance": 0.01,
            "loadings_scale": 0.3,
            "noise_location": -2.0,
            "noise_scale": 1.5,
            "precision": "float64",
            "block_cells": 128,
        }
        assert state.config() == LNMConfig(capture=True, n_factors=3, **expected)
        find(control, pmui.FloatInput, "Prior sd of loadings W").value = None
        assert state.config().loadings_scale is None

    def test_every_setting_of_the_model_has_a_control(self, control: ModelControl) -> None:
        settings = {field.name for field in dataclasses.fields(LNMConfig)}
        amortized = {*TRAINING, "inference"} if FACTORS_BY_VAE else set()
        assert settings == {*BOTH, *OF_LNM, "capture", "molecules", "capture_sd", *amortized}
        settings = {field.name for field in dataclasses.fields(LDAConfig)}
        assert settings == {*BOTH, *OF_LDA, *TRAINING, "inference", "max_passes", "tolerance"}

    def test_topics_have_settings_of_their_own(
        self, control: ModelControl, state: AppState
    ) -> None:
        model = find(control, pmui.RadioButtonGroup, "")
        find(control, pmui.IntInput, "Factors").value = 4
        model.value = "lda"
        assert state.config() == LDAConfig()
        find(control, pmui.IntInput, "Topics").value = 7
        find(control, pmui.Select, "Inference").value = "vae"
        find(control, pmui.FloatInput, "Prior of topics α").value = 0.2
        find(control, pmui.FloatInput, "Prior of genes η").value = 0.1
        find(control, pmui.IntInput, "Most epochs").value = 12
        find(control, pmui.FloatInput, "Learning rate").value = 0.02
        find(control, pmui.Select, "Schedule").value = "constant"
        find(control, pmui.IntInput, "Batch size").value = 64
        find(control, pmui.Switch, "Refine each cell after training").value = False
        asked = {
            "n_topics": 7,
            "inference": "vae",
            "topic_prior": 0.2,
            "feature_prior": 0.1,
            "max_epochs": 12,
            "learning_rate": 0.02,
            "schedule": "constant",
            "batch_cells": 64,
            "refine": False,
        }
        assert state.config() == LDAConfig(**asked)
        model.value = "lnm"
        assert state.config() == LNMConfig(n_factors=4), "the settings of LNM were kept"
        model.value = "lda"
        assert state.config() == LDAConfig(**asked), "and those of LDA"

    def test_settings_of_other_models_are_out_of_sight(
        self, control: ModelControl, state: AppState
    ) -> None:
        def seen(kind: type, label: str) -> bool:
            field = find(control, kind, label)
            within = control.__panel__().select(lambda part: field in part.select())
            return all(part.visible for part in within)

        assert seen(pmui.IntInput, "Factors")
        assert not seen(pmui.IntInput, "Topics")
        state.model = "lda"
        assert not seen(pmui.IntInput, "Factors")
        assert seen(pmui.IntInput, "Topics")
        assert not seen(pmui.IntInput, "Batch size")
        state.topic_inference = "vae"
        assert seen(pmui.IntInput, "Batch size")

    def test_names_of_old_data_go(self, control: ModelControl, state: AppState) -> None:
        find(control, pmui.Select, "Genes").value = "named"
        find(control, pmui.TextAreaInput, "Names").value = "CD3E"
        find(control, pmui.AutocompleteInput, "Reference").value = "ACTB"
        state.param.update(source="other", genes=2000, reference=None)
        assert find(control, pmui.Select, "Genes").value == "variable"
        assert (state.genes, state.reference) == (2000, None)

    def test_every_control_has_a_line_of_help(self, control: ModelControl) -> None:
        widgets = control.__panel__().select(
            lambda w: hasattr(w, "helper_text") and not isinstance(w, pmui.RadioButtonGroup)
        )
        assert len(widgets) >= 16
        assert all(w.helper_text and w.label for w in widgets)


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
        (bar,) = control.__panel__().select(pmui.LinearProgress)
        assert not bar.visible
        state.status = job()
        assert (bar.visible, bar.variant) == (True, "indeterminate")
        state.status = job(fraction=0.25)
        assert (bar.variant, bar.value) == ("determinate", 25)
        state.status = job(state="done", fraction=1.0)
        assert not bar.visible

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

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.44, "0.4 s"), (59, "59 s"), (600, "10 min"), (7200, "2.0 h")]
    )
    def test_duration(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text
