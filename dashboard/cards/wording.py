"""Words that the views use for the latents of a fit, by the kind of its model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import param

from dashboard import html
from dashboard.bare import bare_words, is_bare
from dashboard.plots.words import Words
from dashboard.state import AppState
from engine.results import AnyFit


def words(fit: AnyFit) -> Words:
    """Words that plots use for the latents of a fit."""
    return Words.of(fit)


def heading(state: AppState, factors: html.Heading, topics: html.Heading, bare: str = "") -> Any:
    """The heading that suits the fit that is shown; ``bare`` is said of one without factors."""

    def suited(fit: AnyFit | None) -> html.Heading:
        if fit is not None and bare and is_bare(fit):
            return replace(factors, how=html.told(bare, f"{bare_words(fit)} {bare}"))
        if fit is None or fit.can("mixtures"):
            return topics if fit is not None else factors
        return html.within(factors, fit.within)

    return param.bind(suited, state.param.fit)
