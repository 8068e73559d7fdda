"""What every model in the registry can be asked, on fits that are made up."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine import summaries
from engine.data.truths import KINDS
from engine.errors import ConfigError, FitError
from engine.fitting.family import Family
from engine.fitting.fit_protocol import FittedModel
from engine.fitting.vocabulary import CAPABILITIES
from engine.registry import (
    FAMILIES,
    MODELS,
    AnyFit,
    config_from_dict,
    family_of,
    family_of_settings,
    find_family,
)
from engine.results import load
from tests.dashboard.synthetic import make_counts, make_fit, make_topic_fit

CELLS, GENES, K = 30, 12, 3
FITS: dict[str, AnyFit] = {
    "lnm": make_fit(CELLS, GENES, K, capture=False),
    "lnmvcp": make_fit(CELLS, GENES, K),
    "lda": make_topic_fit(CELLS, GENES, K),
}


@pytest.fixture(params=list(MODELS))
def fit(request: pytest.FixtureRequest) -> AnyFit:
    """Of one registered model; a new one needs a line above."""
    return FITS[request.param]


def members(protocol: type) -> Iterator[str]:
    """The names that a protocol asks for."""
    return (name for name in vars(protocol) if not name.startswith("_"))


def test_every_model_follows_the_protocols(fit: AnyFit) -> None:
    family = family_of(fit)
    assert isinstance(fit, FittedModel)
    assert isinstance(family, Family)
    assert isinstance(fit, family.fit)
    assert isinstance(fit.config, family.config)
    assert family_of(fit.config) is family is MODELS[fit.model]


@pytest.mark.parametrize(
    ("protocol", "kinds"),
    [(FittedModel, [kind.fit for kind in FAMILIES]), (Family, [type(kind) for kind in FAMILIES])],
)
def test_methods_take_what_the_protocol_says(protocol: type, kinds: list[type]) -> None:
    for name in members(protocol):
        asked = inspect.getattr_static(protocol, name)
        if not inspect.isfunction(asked):
            continue
        for kind in kinds:
            own = inspect.getattr_static(kind, name)
            assert list(inspect.signature(own).parameters) == [*inspect.signature(asked).parameters]


def test_members_of_a_fit_are_documented() -> None:
    for name in members(FittedModel):
        assert inspect.getdoc(getattr(FittedModel, name)), name


def test_the_arrays_have_their_shapes(fit: AnyFit) -> None:
    genes, real = len(fit.genes), int(fit.is_gene.sum())
    rows, columns = np.array([0, 2]), np.array([2, 3, 1])
    assert fit.n_factors == K == len(fit.factor_names)
    assert fit.default_names == [f"{fit.latent} {j + 1}" for j in range(K)]
    assert fit.cell_weights().shape == (CELLS, K)
    assert len(fit.coordinates()) == CELLS
    assert fit.cell_clr(rows, columns).shape == (2, 3)
    for array in (fit.programmes(), fit.gene_loadings(), fit.profiles()):
        assert array.shape == (genes, K)
    for array in (fit.clr_mean(), fit.clr_variance(), fit.gene_spread()):
        assert array.shape == (genes,)
    assert len(fit.gene_information()) == real == len(fit.distinctiveness())
    assert fit.shares().shape == (K,) == fit.mean_shares().shape
    assert fit.learned()
    for name in fit.measures:
        table, key = fit.ranked(1, name, 0.6)
        assert {len(column) for column in (*table.values(), key)} == {real}
        assert name in table


def test_covariances_agree_with_each_other(fit: AnyFit) -> None:
    everything = np.arange(len(fit.genes))
    whole = fit.clr_covariance(everything, everything)
    np.testing.assert_allclose(np.diag(whole), fit.clr_variance(), atol=1e-5)
    np.testing.assert_allclose(whole, whole.T, atol=1e-9)
    part = fit.clr_covariance(everything[2:4], everything[:5])
    np.testing.assert_allclose(part, whole[2:4, :5], atol=1e-6)
    others = everything != 3
    np.testing.assert_allclose(fit.clr_covariance_with(3)[others], whole[3, others], atol=1e-6)


def test_weights_are_as_the_capabilities_say(fit: AnyFit) -> None:
    weights = fit.cell_weights()
    mixes = bool((weights >= 0).all()) and np.allclose(weights.sum(1), 1, atol=1e-5)
    assert fit.can("mixtures") == mixes
    assert fit.can("signs") == bool((weights < 0).any())
    sd = fit.cell_weights_sd()
    assert fit.can("weight_sd") == (sd is not None)
    assert sd is None or sd.shape == weights.shape


def test_what_a_fit_cannot_is_none(fit: AnyFit) -> None:
    for name in CAPABILITIES:
        assert isinstance(fit.can(name), bool)
    assert fit.can("capture") == (fit.cell_quantity("capture") is not None)
    assert fit.can("capture") == (fit.cell_quantity_sd("capture") is not None)
    assert fit.can("log_marginal") == (fit.cell_quantity("log_marginal") is not None)
    assert fit.can("log_marginal") == family_of(fit).has_log_marginal
    assert fit.can("residuals") == (fit.residual_variance() is not None)
    counts, some = sparse.csr_matrix((CELLS, GENES + 1)), np.array([0, 1])
    own = fit.cell_residuals(counts, some, some)
    assert fit.can("residuals") == (own is not None)
    totals = family_of(fit).drawn_totals(fit, make_counts(CELLS, GENES), "map")
    assert fit.can("totals") == (totals is not None)


def test_labels_tell_weights_from_none_to_all(fit: AnyFit) -> None:
    found = summaries.label_means(fit, fit.obs.columns[0])
    assert found.specificity.between(0, 1).all()
    factors, genes = fit.contrast(np.arange(CELLS) < 9)
    assert list(factors.columns) == list(genes.columns) == ["difference", "effect"]
    assert list(factors.index) == fit.factor_names


def test_words_are_those_of_the_model(fit: AnyFit) -> None:
    said = fit.methods()
    assert fit.model.upper() in said.model[0]
    assert said.inference.endswith(".")
    assert f"{fit.n_factors} {fit.vocabulary.latents}" in said.model[0]
    assert fit.vocabulary.latent == fit.latent == fit.config.latent


def test_a_fit_comes_back_from_its_file(fit: AnyFit, tmp_path: Path) -> None:
    named = fit.changed(names=("a", "b", "c"))
    back = load(named.save(tmp_path / "fit.h5ad"))
    assert type(back) is type(fit)
    assert back.config == fit.config
    assert back.factor_names == ["a", "b", "c"]
    for one, other in zip(back.learned(), fit.learned(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_fit_is_refused(fit: AnyFit) -> None:
    fit.check()
    with pytest.raises(FitError, match="total_counts"):
        fit.changed(total_counts=fit.total_counts[1:]).check()
    with pytest.raises(FitError, match="status"):
        fit.changed(status=replace(fit.status, passes=-1)).check()


def test_a_fit_of_an_unknown_model_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    path = FITS["lnm"].save(tmp_path / "fit.h5ad")
    others = {model: family for model, family in MODELS.items() if model != "lnm"}
    monkeypatch.setattr("engine.results.reading.MODELS", others)
    with pytest.raises(FitError, match=r"a fit of lnmvcp, lda.*; found one of 'lnm'"):
        load(path)


@pytest.mark.parametrize("model", list(MODELS))
def test_a_configuration_is_made_and_read_by_name(model: str) -> None:
    family = MODELS[model]
    size = family.config.size_name()
    config = family.configured(model, **{size: 4, "seed": 7})
    assert (config.model, config.size, config.seed) == (model, 4, 7)
    assert config_from_dict(config.to_dict()) == config
    assert family_of_settings(config.to_dict()) is family
    assert config.coarse(max_passes=2, tolerance=0.5).sized(2).tolerance == 0.5
    fewest, most = family.config.size_bounds()
    assert config.sized(fewest).size == fewest
    assert config.without_latents().model == model
    with pytest.raises(ConfigError):
        config.sized(most + 1)
    other = next(name for name in MODELS if name != model)
    with pytest.raises(ConfigError, match=f"settings of '{other}'; found those of {model}"):
        family.config.from_dict(config.to_dict() | {"model": other})


def test_settings_say_of_which_model_they_are() -> None:
    both = {"n_factors": 2, "n_topics": 3}
    for model, family in MODELS.items():
        assert family_of_settings({"model": model, **both}) is family
    # Older ones do not, and an unknown name says nothing.
    assert family_of_settings({"model": "none", "n_factors": 2}) is MODELS["lnm"]
    assert family_of_settings(both) is MODELS["lda"]


@pytest.mark.parametrize("model", list(MODELS))
def test_settings_are_of_models_and_inferences_that_there_are(model: str) -> None:
    family = MODELS[model]
    settings = family.config.settings()
    assert {family.config.size_name(), "inference", "seed"} <= set(settings)
    for one in settings.values():
        assert set(one.models) <= set(family.models)
        assert set(one.inferences) <= set(settings["inference"].choices)
        assert set(one.words) | set(one.helps) <= set(one.choices)
        if one.needs is not None:
            settings[one.needs[0]].check(one.needs[1])
    assert len({one.flag for one in settings.values()}) == len(settings)


@pytest.mark.parametrize("model", list(MODELS))
def test_settings_have_the_bounds_that_are_declared(model: str) -> None:
    family = MODELS[model]
    for name, one in family.config.settings().items():
        right = [end for end in (one.low, one.high) if end is not None]
        wrong = [end for end in (one.above, one.below) if end is not None]
        wrong += [one.low - 1] if one.low is not None else []
        wrong += [one.high + 1] if one.high is not None else []
        wrong += [2.5] if one.kind in ("whole", "size") else []
        other = {"switch": ["nine"], "text": [9, True]}
        wrong += other.get(one.kind, [True, "nine", math.nan])
        for value in right:
            assert getattr(family.configured(model, **{name: value}), name) == value
        for value in wrong:
            with pytest.raises(ConfigError, match=f"{name} to be"):
                family.configured(model, **{name: value})


@pytest.mark.parametrize("model", list(MODELS))
def test_a_default_is_read_from_the_text_that_is_written(model: str) -> None:
    for one in MODELS[model].config.settings().values():
        if one.default is not None:
            assert one.read(one.write(one.default)) == one.default
        if one.kind == "text":
            assert one.read("~ batch") == "~ batch"
            continue
        with pytest.raises(ConfigError, match=f"{one.name} to be"):
            one.read("no such value")


@pytest.mark.parametrize("model", [m for m in MODELS if "dropout" in MODELS[m].config.settings()])
def test_settings_that_differ_are_told_in_words(model: str) -> None:
    family = MODELS[model]
    one, other = family.configured(model), family.configured(model, inference="vae", dropout=0.25)
    # One that is not in use has no say.
    assert one.differences(family.configured(model, dropout=0.25)) == {}
    assert other.differences(one) == {"inference": "Inference VAE", "dropout": "Dropout 0.25"}
    assert one.differences(other).keys() == {"inference"}
    for elsewhere in MODELS:
        found = other.differences(MODELS[elsewhere].configured(elsewhere, max_seconds=9.0))
        assert found["max_seconds"] == "Most seconds no limit"
        assert "tolerance" not in found, "each is at its default"


def test_every_model_is_named_once() -> None:
    names = [model for family in FAMILIES for model in family.models]
    assert len(set(names)) == len(names)
    assert {kind.model for kind in KINDS} <= set(names)
    for family in FAMILIES:
        assert len(family.titles) == len(family.models)


def test_what_is_neither_fit_nor_configuration_is_refused() -> None:
    for wrong in (None, {"model": "lnm"}, pd.DataFrame(), "lnm"):
        assert find_family(wrong) is None
    with pytest.raises(ConfigError, match="a fit or a configuration of lnm, lnmvcp, lda"):
        family_of("lnm")  # type: ignore[arg-type]
