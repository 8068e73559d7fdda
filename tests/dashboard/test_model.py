from __future__ import annotations

import dataclasses

import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.controls.model_form import ModelControl
from dashboard.model_settings import parameters
from dashboard.state import AppState
from engine.errors import ConfigError
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.validation import AUTO
from tests.dashboard.synthetic import make_counts
from tests.dashboard.widgets import find, shown


class TestModel:
    @pytest.fixture
    def control(self, state: AppState) -> ModelControl:
        control = ModelControl(state)
        control.__panel__().select(pmui.Accordion)[0].active = [0]
        return control

    def test_a_line_says_what_is_fitted(self, state: AppState) -> None:
        control = ModelControl(state)

        def said() -> str:
            words = (str(pane.object) for pane in control.__panel__().select(pn.pane.HTML))
            return next(word for word in words if "said" in word)

        assert not shown(control, pmui.RadioButtonGroup)
        assert "LNMVCP · 3 factors · 2,000 genes<" in said()
        state.n_factors = "auto"
        assert "LNMVCP · factors automatic · 2,000 genes<" in said()
        state.param.update(n_factors=1, factor_inference="nuts", genes="all", scored=True)
        assert "LNMVCP · 1 factor · all genes · NUTS · scored<" in said()
        state.param.update(model="lda", n_topics=12, genes=("A", "B"), scored=False)
        assert "LDA · 12 topics · 2 genes by name<" in said()
        state.n_topics = "<b>"
        assert "<b>" not in said()

    def test_settings_reach_the_configuration(self, control: ModelControl, state: AppState) -> None:
        find(control, pmui.TextInput, "Factors").value = "4"
        find(control, pmui.Select, "Residual d").value = "low_rank"
        find(control, pmui.Select, "Capture prior").value = "population"
        find(control, pmui.FloatInput, "Molecules per cell M₀").value = 60_000
        find(control, pmui.IntInput, "Seed").value = 3
        config = state.config()
        assert (config.capture, config.n_factors, config.d_mode) == (True, 4, "low_rank")
        assert isinstance(config.molecules, float)
        assert (config.capture_prior, config.molecules, config.seed) == ("population", 6e4, 3)

    def test_genes_by_number_all_or_name(self, control: ModelControl, state: AppState) -> None:
        kind = find(control, pmui.Select, "Genes")
        assert not shown(control, pmui.TextAreaInput)
        kind.value = "all"
        assert state.genes == "all"
        kind.value = "named"
        assert state.genes == "all", "no names yet"
        (names,) = shown(control, pmui.TextAreaInput)
        names.value = "CD3E, CD8A\nNKG7;LYZ"
        assert state.genes == ("CD3E", "CD8A", "NKG7", "LYZ")
        kind.value = "variable"
        assert state.genes == 2000
        assert not shown(control, pmui.TextAreaInput)

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
        find(control, pmui.TextInput, "Most seconds").value = "90"
        find(control, pmui.FloatInput, "Tolerance").value = 0.01
        find(control, pmui.TextInput, "Prior sd of loadings W").value = "0.3"
        find(control, pmui.TextInput, "Prior mean of log d").value = "-2"
        find(control, pmui.TextInput, "Prior sd of log d").value = "1.5"
        find(control, pmui.Select, "Precision").value = "float64"
        find(control, pmui.TextInput, "Cells per block").value = "128"
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
        find(control, pmui.TextInput, "Prior sd of loadings W").value = ""
        assert state.config().loadings_scale is None

    def test_a_field_without_a_value_says_what_is_done_instead(self, control: ModelControl) -> None:
        for label, said in (("Most seconds", "no limit"), ("Prior sd of log d", "learned")):
            field = find(control, pmui.TextInput, label)
            assert (field.value, field.placeholder, field.error_state) == ("", said, False)

    def test_a_value_out_of_bounds_is_refused_beside_its_field_and_by_fit(
        self, control: ModelControl, state: AppState
    ) -> None:
        for kind, label, value, wanted in (
            (pmui.TextInput, "Most seconds", "0", "empty, or a number above 0"),
            (pmui.TextInput, "Most seconds", "soon", "empty, or a number above 0"),
            (pmui.TextInput, "Prior mean of log d", "inf", "empty, or a finite number"),
            (pmui.IntInput, "Seed", -1, "a whole number from 0 to 4294967295"),
            (pmui.FloatInput, "Tolerance", 0, "a number above 0"),
            (pmui.IntInput, "Most passes", None, "a whole number from 1 to 100000"),
        ):
            field = find(control, kind, label)
            before = field.value
            field.value = value
            assert field.error_state, (label, value)
            for said in (f"Expected {label} to be {wanted}; found ", f"Change {label}."):
                assert said in field.helper_text
            with pytest.raises(ConfigError, match=f"{label} to be"):
                state.config()
            field.value = before
            assert not field.error_state, (label, value)
            state.config()

    def test_every_setting_of_the_model_has_a_control(self, control: ModelControl) -> None:
        settings = {field.name for field in dataclasses.fields(LNMConfig)}
        # The model that is chosen says whether there is capture.
        assert settings - {"capture"} == set(parameters("lnm")) == set(parameters("lnmvcp"))
        assert {field.name for field in dataclasses.fields(LDAConfig)} == set(parameters("lda"))

    def test_topics_have_settings_of_their_own(
        self, control: ModelControl, state: AppState
    ) -> None:
        model = find(control, pmui.RadioButtonGroup, "")
        find(control, pmui.TextInput, "Factors").value = "4"
        model.value = "lda"
        assert state.config() == LDAConfig()
        find(control, pmui.TextInput, "Topics").value = "7"
        # of the two with this label, that of topics
        state.topic_inference = "vae"
        find(control, pmui.TextInput, "Prior of topics α").value = "0.2"
        find(control, pmui.TextInput, "Prior of genes η").value = " 0.1 "
        find(control, pmui.TextInput, "Most epochs").value = "12"
        find(control, pmui.FloatInput, "Learning rate").value = 0.02
        find(control, pmui.Select, "Schedule").value = "constant"
        find(control, pmui.IntInput, "Batch size").value = 64
        find(control, pmui.Switch, "Refine each cell after training").value = False
        settings = {
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
        assert state.config() == LDAConfig(**settings)
        model.value = "lnm"
        assert state.config() == LNMConfig(n_factors=4), "the settings of LNM were kept"
        model.value = "lda"
        assert state.config() == LDAConfig(**settings), "and those of LDA"

    @pytest.mark.parametrize(
        ("model", "label", "least"), [("lnm", "Factors", 0), ("lda", "Topics", 1)]
    )
    def test_a_number_is_chosen_from_the_counts_or_typed(
        self, control: ModelControl, state: AppState, model: str, label: str, least: int
    ) -> None:
        state.param.update(model=model, n_factors=AUTO)
        field = find(control, pmui.TextInput, label)
        assert (field.value, state.config().automatic) == ("auto", True)
        for typed, size in ((f"{least}", least), (" 12 ", 12), ("007", 7)):
            field.value = typed
            assert (state.config().size, field.error_state) == (size, False)
        field.value = "Auto "
        assert (state.config().automatic, field.value) == (True, "auto")

    @pytest.mark.parametrize(("model", "label"), [("lnmvcp", "Factors"), ("lda", "Topics")])
    def test_what_is_no_number_is_refused_beside_its_field_and_by_fit(
        self, control: ModelControl, state: AppState, model: str, label: str
    ) -> None:
        state.model = model
        field = find(control, pmui.TextInput, label)
        for typed in ("ten", "", "-1", "3.5", "1e2", "²", "501", "9" * 5000):
            field.value = typed
            assert field.error_state, typed
            assert field.value == typed, "what was typed is still there"
            for said in ("to be auto or a whole number from", "found", f"Change {label}."):
                assert said in field.helper_text, typed
            assert len(field.helper_text) < 150
            with pytest.raises(ConfigError, match="auto or a whole number from"):
                state.config()
            field.value = "5"
            assert not field.error_state, typed
            assert "found" not in field.helper_text
            assert state.config().size == 5

    def test_an_encoder_of_factors_learns_at_its_own_rate(
        self, control: ModelControl, state: AppState
    ) -> None:
        state.param.update(model="lnm", n_factors=4, factor_inference="vae", batch_cells=64)
        settings = {"n_factors": 4, "inference": "vae", "batch_cells": 64}
        assert state.config() == LNMConfig(**settings)
        find(control, pmui.FloatInput, "Learning rate").value = 0.02
        assert state.config() == LNMConfig(**settings, learning_rate=0.02)

    def test_the_chains_of_nuts_are_set_where_it_is_chosen(
        self, control: ModelControl, state: AppState
    ) -> None:
        fields = control.__panel__().select(pmui.Select)
        (inference,) = (field for field in fields if "nuts" in field.options.values())
        inference.value = "nuts"
        assert "100,000" in inference.helper_text
        draws = find(control, pmui.IntInput, "Draws")
        draws.value = 200
        find(control, pmui.IntInput, "Warm-up").value = 300
        find(control, pmui.IntInput, "Chains").value = 2
        settings = {"inference": "nuts", "n_draws": 200, "n_warmup": 300, "n_chains": 2}
        common = {"capture": True, "n_factors": state.n_factors}
        assert state.config() == LNMConfig(**common, **settings)
        state.factor_inference = "laplace"
        assert state.config() == LNMConfig(**common)

    def test_settings_of_other_models_are_out_of_sight(
        self, control: ModelControl, state: AppState
    ) -> None:
        def is_visible(kind: type, label: str) -> bool:
            # One of a model that was never chosen is not built.
            fields = control.__panel__().select(lambda w: isinstance(w, kind) and w.label == label)
            within = control.__panel__().select(lambda part: set(fields) & set(part.select()))
            return bool(fields) and all(part.visible for part in within)

        assert is_visible(pmui.TextInput, "Factors")
        assert not is_visible(pmui.TextInput, "Topics")
        find(control, pmui.TextInput, "Factors").value = "7"
        state.model = "lda"
        assert not is_visible(pmui.TextInput, "Factors")
        assert is_visible(pmui.TextInput, "Topics")
        assert not is_visible(pmui.IntInput, "Batch size")
        state.topic_inference = "vae"
        assert is_visible(pmui.IntInput, "Batch size")
        state.model = "lnm"
        assert is_visible(pmui.TextInput, "Factors")
        assert not is_visible(pmui.TextInput, "Topics")
        assert not is_visible(pmui.IntInput, "Batch size")
        assert find(control, pmui.TextInput, "Factors").value == "7"

    def test_names_of_old_data_go(self, control: ModelControl, state: AppState) -> None:
        find(control, pmui.Select, "Genes").value = "named"
        find(control, pmui.TextAreaInput, "Names").value = "CD3E"
        find(control, pmui.AutocompleteInput, "Reference").value = "ACTB"
        state.param.update(source="other", genes=2000, reference=None)
        assert find(control, pmui.Select, "Genes").value == "variable"
        assert (state.genes, state.reference) == (2000, None)

    def test_every_control_has_a_line_of_help(self, control: ModelControl, state: AppState) -> None:
        state.param.update(model="lda", topic_inference="vae")
        widgets = control.__panel__().select(
            lambda w: hasattr(w, "helper_text") and not isinstance(w, pmui.RadioButtonGroup)
        )
        assert len(widgets) >= 25
        assert all(w.helper_text and w.label for w in widgets)
