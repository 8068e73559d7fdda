"""Labels that explain factors, in the line below a heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import param

from dashboard import formula_edits, html, lists, size_selection
from dashboard.bare import is_bare
from dashboard.cards.background import summarised
from dashboard.cards.wording import named
from dashboard.cut import cut
from dashboard.state import AppState
from dashboard.templates import render
from engine import summaries
from engine.results import AnyFit

BARE = "Without factors there are no loadings."
# Cells up to which the labels are read within the action that shows the fit.
QUICK = 20_000


class Explained(param.Parameterized):
    """Reads the labels of the shown fit once it has ended; ``of`` is the fit that was read."""

    of = param.Parameter()

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        state.param.watch(self._read, ["fit", "partial"])
        self._read()

    def heading(self, factors: html.Heading, topics: html.Heading) -> Any:
        """The heading for the shown fit, with the labels that explain its factors."""
        state = self.state

        def head(
            fit: AnyFit | None, of: AnyFit | None, _factor: int, names: Sequence[str], *_: object
        ) -> html.Heading:
            mixes = fit is not None and fit.can("mixtures")
            suited = named(topics if mixes else factors, fit)
            button = size_selection.why(fit)
            if is_bare(fit):
                how = html.how_to_read(BARE, button)
            elif not mixes and of is not None and of is fit:
                how = _describe_labels(suited.line, button, of, state, names)
            else:
                how = html.how_to_read(suited.line, button)
            suited = replace(suited, how=how)
            return suited if fit is None else html.within(suited, fit.within)

        known = state.param
        # The offered covariate depends on these.
        follows = known.factor, known.names, known.model, known.formula, known.counts
        return param.bind(head, known.fit, self.param.of, *follows)

    def _read(self, *_events: object) -> None:
        fit = self.state.fit
        if fit is None or self.state.partial or fit is self.of:
            return
        if not fit.can("label_shares"):
            return

        def show(_table: object) -> None:
            if fit is self.state.fit:
                self.of = fit

        quick = len(fit.cells) <= QUICK
        counts = self.state.counts

        def read() -> None:
            summaries.telling_labels(fit)
            if counts is not None:
                # The possible covariates, computed here because nobody waits for them.
                formula_edits.offered(counts)

        self.working = summarised(self.state, read, show, quick=quick)


def _describe_labels(
    usual: str, button: str, fit: AnyFit, state: AppState, names: Sequence[str]
) -> str:
    """The line on labels that explain the factors, or ``usual`` if none does."""
    said, factor = summaries.label_words(fit, cut(names)), state.shown_factor
    if not said:
        return html.how_to_read(usual, button)
    refusal = _refusal(fit, state)
    everything = " ".join(
        filter(None, (f"{'; '.join(said.values())}.", summaries.LABEL_ADVICE, refusal))
    )
    shown = said.get(factor) or "; ".join(said.values())
    if offer := _offer(fit, state):
        button = render("pieces.after", offer, button)
    elif factor in said:
        shown = f"{shown}. {refusal or 'If technical, take it as a covariate.'}"
    return html.finding(f"Labels: {shown}", everything, button)


def _refusal(fit: AnyFit, state: AppState) -> str:
    """Why the label that explains most has no button; "" if it could have one."""
    if fit.can("covariates") or state.counts is None:
        return ""
    known = formula_edits.offered(state.counts)
    best = next((label for label in _labels(fit, state) if label in known), None)
    why = known[best].why if best is not None else ""
    return f"{best} cannot be a covariate as it is: {why}." if why else ""


def _labels(fit: AnyFit, state: AppState) -> list[str]:
    """Labels that explain the shown factor, else any factor; the best first."""
    telling = summaries.telling_labels(fit)["adjusted"].sort_values(ascending=False)
    own = telling[telling.index.get_level_values("factor") == state.shown_factor]
    return [str(label) for label in (own if len(own) else telling).index.get_level_values("label")]


def _offer(fit: AnyFit, state: AppState) -> str:
    """A button that makes the label which explains most a covariate of the next fit."""
    if fit.can("covariates"):
        return ""
    labels = _labels(fit, state)
    best = next((label for label in labels if formula_edits.can_add(state, label)), "")
    if not best:
        return ""
    words = f"Fit again with {best} as a covariate"
    hover = f"{best} becomes a covariate of the next fit, under Model; then press Fit."
    return lists.press("covariate-add", best, words, kind="act", hover=hover)
