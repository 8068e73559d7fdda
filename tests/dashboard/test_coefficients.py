"""The Groups tab: effects of the covariates of a fit on genes."""

from __future__ import annotations

import numpy as np
import pytest
from param.parameterized import resolve_value

from dashboard.browser import Browser
from dashboard.cards.groups.covariate_effects import _missing
from dashboard.cards.groups.tab import GroupsTab
from dashboard.plots.volcano import ERRORS
from dashboard.report.figures import complete
from dashboard.state import AppState
from engine.fitting.estimates import Estimates
from engine.lnm.design import Design
from engine.results import Fit
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.waiting import wait_for


def with_covariates(fit: Fit) -> Fit:
    """The fit with effects: GENE3 is raised in two levels against the first."""
    design = Design.of("~ cell_type", fit.obs)
    effects = np.zeros((len(fit.genes), len(design.columns)))
    effects[3] = 2.0
    error = np.full(len(fit.genes), 0.1)
    estimates = tuple(Estimates(column, error, np.inf) for column in effects.T)
    return fit.changed(design=design, effects=effects, coefficients=estimates, units=("cell",) * 2)


@pytest.fixture
def state() -> AppState:
    return AppState(fit=with_covariates(make_fit()), tab="groups")


def test_effects_of_each_covariate_are_shown_and_a_gene_is_chosen(state: AppState) -> None:
    card = GroupsTab(state, Browser())["covariates"]
    wait_for(lambda: card.result is not None)
    assert card.column.options == ["cell_type[T cell]", "cell_type[monocyte]"]
    assert card.table.widget.value.iloc[0, 0] == "GENE3"
    card._choose([0])
    assert state.marked[0] == "GENE3"
    assert len(card.plot._rings.data["x"]) == 1

    card.column.value = "cell_type[monocyte]"
    assert card.plot.figure.xaxis.axis_label.endswith("cell_type[monocyte]")
    export = card.offer()
    table = export.table()
    assert set(table.index.get_level_values("column")) == set(card.column.options)
    assert export.draw().axes[0].get_title("left") == "cell_type[monocyte]"


def test_effects_that_too_few_donors_cannot_test_are_shown_over_their_errors(
    state: AppState,
) -> None:
    fit = state.fit
    assert isinstance(fit, Fit)
    estimates = tuple(one._replace(freedom=0.0) for one in fit.coefficients)
    state.fit = fit.changed(coefficients=estimates, units=("donor",) * 2)
    card = GroupsTab(state, Browser())["covariates"]
    wait_for(lambda: card.result is not None)
    assert card.plot.figure.yaxis.axis_label == ERRORS
    assert max(card.plot.source.data["y"]) == pytest.approx(20)
    assert card.table.widget.value.isna().iloc[:, 3].all()
    assert card.offer().draw().axes[0].get_ylabel() == ERRORS


def test_what_cannot_be_drawn_leaves_nothing_of_another_run(
    state: AppState, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = GroupsTab(state, Browser())["covariates"]
    wait_for(lambda: card.result is not None)
    assert len(card.table.widget.value)
    monkeypatch.setattr(card.plot, "show", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        state.fit = with_covariates(make_fit(seed=1))
    assert card.result is None
    assert not len(card.table.widget.value)


def test_what_was_taken_for_granted_of_covariates_is_told(state: AppState) -> None:
    fit = state.fit
    assert fit is not None
    card = GroupsTab(state, Browser())["covariates"]
    assert "Right: more" in resolve_value(card.head).how
    state.fit = fit.changed(data={"report": {"warnings": ["dose has 3 whole numbers <b>."]}})
    assert "dose has 3 whole numbers &lt;b&gt;." in resolve_value(card.head).how


def test_a_fit_without_covariates_says_how_to_have_some(state: AppState) -> None:
    state.fit = make_fit()
    card = GroupsTab(state, Browser())["covariates"]
    assert card.result is None
    assert card.offer() is None
    assert card.column.disabled


def test_a_report_that_no_page_has_made_tells_of_covariates(state: AppState) -> None:
    exports = {figure.title: figure.export for figure in complete(state.fit, {}, None)}
    export = exports["Effects of covariates"]
    assert export.listed
    assert export.table().index.names == ["column", "gene"]
    assert export.draw().axes[0].get_title("left") == "cell_type[T cell]"
    plain = [figure.title for figure in complete(make_fit(), {}, None)]
    assert plain
    assert "Effects of covariates" not in plain


def test_the_chosen_gene_has_the_coefficients_of_all_covariates(state: AppState) -> None:
    card = GroupsTab(state, Browser())["coefficients"]
    assert "Click a gene" in card._page.object
    state.choose_gene("GENE3")
    wait_for(lambda: card.result is not None)
    assert list(card.result["column"]) == ["cell_type[T cell]", "cell_type[monocyte]"]
    assert card._page.object.count("<li>") == 2
    assert "lfsr" in card._page.object
    export = card.offer()
    assert export.draw().axes[0].get_title("left") == "GENE3"
    assert {"low_90", "lfsr", "s_value", "unit"} <= set(export.table().columns)
    state.fit = make_fit()
    assert "This fit has no covariates" in card._page.object


def test_random_effects_alone_and_topics_say_why_there_are_no_coefficients(
    state: AppState,
) -> None:
    fit = state.fit
    assert fit is not None
    design = Design.of("~ (1 | cell_type)", fit.obs)
    zeros = np.zeros((len(fit.genes), len(design.columns)))
    tab = GroupsTab(state, Browser())
    state.fit = fit.changed(design=design, effects=zeros, coefficients=(), units=())
    assert tab["covariates"].result is None
    assert "random effects alone" in _missing(state.fit)
    assert "random effects alone" in tab["coefficients"]._page.object
    assert state.run_error is None
    state.fit = make_topic_fit()
    assert "Topics have no covariates" in _missing(state.fit)
