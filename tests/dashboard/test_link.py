from __future__ import annotations

import numpy as np
import pytest

from dashboard import link
from dashboard.link import PARTS, Link, apply, read, write
from dashboard.model_settings import parameters
from dashboard.state import AppState
from engine.registry import MODELS
from tests.dashboard.synthetic import make_fit


@pytest.fixture
def state() -> AppState:
    state = AppState(run="r1")
    state.show_fit(make_fit())
    return state


def choose_much(state: AppState) -> np.ndarray:
    mask = np.arange(300) < 20
    state.choose_factor(2)
    state.choose_gene("GENE3", near=True)
    state.choose_gene("GENE4")
    state.choose_pair("GENE1", "GENE2")
    state.colour = "clr:GENE1"
    state.top_genes = 50
    state.tab = "explore"
    state.select(mask)
    return mask


def test_what_is_written_is_read_back(state: AppState) -> None:
    mask = choose_much(state)
    requested, problems = read(write(state, "0123456789abcdef"))
    assert problems == []
    other = AppState(run="r1")
    other.show_fit(state.fit)
    assert apply(requested, other, mask) == []
    other.tab = requested.tab
    for name in ("tab", "colour", "factor", "marked", "pair", "heat", "top_genes", "detail"):
        assert getattr(other, name) == getattr(state, name), name
    np.testing.assert_array_equal(other.selected, mask)


def test_a_fresh_page_has_no_query_and_a_fresh_fit_only_its_run(state: AppState) -> None:
    assert write(AppState(), None) == ""
    assert write(state, None) == "?run=r1&tab=data"


def test_factors_are_counted_from_one(state: AppState) -> None:
    state.choose_factor(0)
    assert "factor=1" in write(state, None)
    assert read("?factor=1")[0].factor == 0
    assert read("?factor=0") == (Link(), ["factor '0'"])


@pytest.mark.parametrize(
    "name", ["A,B", "a&b=c", "µ→?", "GENE #1", "%41", "x+y z", '<img src="x">']
)
def test_names_of_any_kind_come_back(state: AppState, name: str) -> None:
    state.marked = (name, "GENE1")
    state.pair = ("GENE1", name)
    requested, problems = read(write(state, None))
    assert (requested.genes, requested.pair, problems) == ((name, "GENE1"), ("GENE1", name), [])


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ("?run=../../etc/passwd", "run"),
        ("?run=" + "x" * 201, "run"),
        ("?run=a%00b", "run"),
        ("?run=a&run=b", "run"),
        ("?tab=admin", "tab"),
        ("?factor=-1", "factor"),
        ("?factor=1e3", "factor"),
        ("?factor=٣", "factor"),
        ("?factor=99999999999999999999", "factor"),
        ("?top=0", "top"),
        ("?heat=<script>", "heat"),
        ("?detail=all", "detail"),
        ("?pair=A", "pair"),
        ("?pair=A&pair=B&pair=C", "pair"),
        ("?cells=../../../x", "cells"),
        ("?gene=" + "g" * 301, "gene"),
        ("?" + "&".join(f"gene=G{i}" for i in range(7)), "gene"),
        ("?colour=" + "c" * 301, "colour"),
    ],
)
def test_what_cannot_be_is_dropped_and_told_and_the_rest_kept(search: str, problem: str) -> None:
    requested, problems = read(f"{search}&heat=top" if problem != "heat" else f"{search}&top=7")
    assert len(problems) == 1
    assert problems[0].startswith(f"{problem} ")
    assert len(problems[0]) < 60
    assert requested == Link(heat="top") or requested == Link(top=7)


@pytest.mark.parametrize("search", ["?" + "a" * 9000, "?" + "&".join(["a=1"] * 120)])
def test_an_endless_query_is_dropped_whole(search: str) -> None:
    requested, problems = read(search)
    assert requested == Link()
    assert len(problems) == 1


@pytest.mark.parametrize("search", ["", "?", "?&&=&", "?unknown=1", "?run=", "?%", "?\ud800=1"])
def test_what_means_nothing_is_nothing(search: str) -> None:
    assert read(search) == (Link(), [])


def test_choices_that_the_fit_cannot_have_are_dropped_one_by_one(state: AppState) -> None:
    wrong = Link(
        factor=5,
        genes=("GENE1", "NOPE", "_other"),
        pair=("GENE1", "ALSO NOT"),
        colour="label:nothing",
        cells="0123456789abcdef",
        detail="cells",
        heat="gene",
        top=9,
    )
    problems = apply(wrong, state, np.ones(7, bool))
    for part in (
        "factor 6 of 5",
        "'NOPE'",
        "'_other'",
        "'ALSO NOT'",
        "label:nothing",
        "0123456789",
    ):
        assert sum(part in problem for problem in problems) == 1, part
    assert len(problems) == 6
    assert (state.factor, state.marked, state.pair, state.selected) == (
        None,
        ("GENE1",),
        None,
        None,
    )
    assert (state.colour, state.heat, state.top_genes, state.detail) == (
        "label:cell_type",
        "gene",
        9,
        "gene",
    )


@pytest.mark.parametrize("detail", ["pair", "cells"])
def test_a_tab_comes_back_without_what_it_would_show(state: AppState, detail: str) -> None:
    state.detail = detail
    search = write(state, None)
    state.detail = "gene"
    requested, problems = read(search)
    assert [*problems, *apply(requested, state, None)] == []
    assert write(state, None) == search
    assert f"detail={detail}" in search
    # But not if the pair or the selection of the link does not exist.
    lost = {"pair": ("NOPE", "GENE1")} if detail == "pair" else {"cells": "0123456789abcdef"}
    assert len(apply(Link(detail=detail, **lost), state, None)) == 1
    assert state.detail == "gene"


def test_a_colour_by_counts_waits_for_them(state: AppState) -> None:
    requested = Link(genes=("GENE1",), colour="counts:GENE1")
    assert apply(requested, state, None) == []
    assert link.awaits_counts(requested, state)
    assert not link.awaits_counts(Link(colour="counts:GENE2"), state)


def test_an_older_link_undoes_later_choices(state: AppState) -> None:
    choose_much(state)
    assert apply(Link(run="r1"), state, None) == []
    assert write(state, None) == "?run=r1&tab=explore"


def test_settings_of_the_form_come_back(state: AppState) -> None:
    state.param.update(
        model="lda", n_topics=7, topic_inference="vae", refine=False, topic_prior=0.5
    )
    search = write(state, None)
    assert search == (
        "?run=r1&tab=data&model=lda&n_topics=7&inference=vae&topic_prior=0.5&refine=no"
    )
    requested, problems = read(search)
    other = AppState(**dict(requested.form))
    assert problems == []
    assert other.config() == state.config()
    state.model = "lnmvcp"
    assert write(state, None) == "?run=r1&tab=data&refine=no", "those of another model are not told"


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ("?model=pca&seed=1", "model 'pca'"),
        ("?n_factors=201", "n_factors '201', not auto or a whole number from 0 to"),
        ("?n_topics=4", "n_topics '4', which lnmvcp does not have"),
        ("?refine=maybe", "refine 'maybe', not True or False"),
        ("?seed=" + "9" * 400, "seed '9"),
        ("?seed=1&seed=2", "seed '1 2'"),
    ],
)
def test_settings_that_cannot_be_are_dropped_and_told(search: str, problem: str) -> None:
    requested, problems = read(search)
    assert requested.form == ()
    assert len(problems) == 1
    assert problems[0].startswith(problem)
    assert len(problems[0]) < 150


def test_every_setting_fits_into_an_address() -> None:
    for model in MODELS:
        state = AppState(model=model)
        for name, one in MODELS[model].config.settings().items():
            other = one.choices[-1] if one.kind == "choice" else False
            if one.kind == "text":
                other = "~ batch + (1 | a donor)"
            elif one.kind not in ("choice", "switch"):
                other = 0.25 if one.kind == "number" else (one.low or 0) + 3
            setattr(state, parameters(model)[name], other)
        requested, problems = read(write(state, None))
        assert problems == []
        assert AppState(**dict(requested.form)).settings() == state.settings()
        keys = [part.split("=")[0] for part in write(state, None)[1:].split("&")]
        assert len(keys) >= len(parameters(model))
        assert not set(keys) & set(PARTS)


def test_what_cannot_be_is_not_written() -> None:
    state = AppState(n_factors="ten", seed=-1, factor_tolerance=0, max_seconds=90.0)
    assert write(state, None) == "?max_seconds=90.0"
