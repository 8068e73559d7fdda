"""Words that the views use for the latents of a fit, by the kind of its model."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import param

from dashboard import html
from dashboard.bare import bare_words, is_bare
from dashboard.plots.latent_words import Words
from dashboard.state import AppState
from engine.results import AnyFit


def words(fit: AnyFit) -> Words:
    """Words that plots use for the latents of a fit."""
    return Words.of(fit)


def heading(state: AppState, factors: html.Heading, topics: html.Heading, bare: str = "") -> Any:
    """The heading for the shown fit; ``bare`` is the line for a fit without factors."""

    def suited(fit: AnyFit | None) -> html.Heading:
        if fit is not None and bare and is_bare(fit):
            return replace(named(factors, fit), how=html.finding(bare, f"{bare_words(fit)} {bare}"))
        if fit is None or fit.can("mixtures"):
            return named(topics if fit is not None else factors, fit)
        return html.within(named(factors, fit), fit.within)

    return param.bind(suited, state.param.fit)


def named(head: html.Heading, fit: AnyFit | None) -> html.Heading:
    """A heading written for factors or topics, with the latents called as the fit calls them."""
    if fit is None:
        return head
    own = fit.vocabulary
    written = "topic" if fit.can("mixtures") else "factor"

    def reworded(text: str) -> str:
        for word, instead in ((written, own.latent), (written.title(), own.latent.title())):
            text = re.sub(rf"\b{word}(?=s?\b)", instead, text)
        return text

    return head.changed(reworded, note=own.note)
