"""ArtefactCard: a card that shows an artefact of a run, which a background job computes."""

from __future__ import annotations

from typing import Any, ClassVar

import panel_material_ui as pmui

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card
from dashboard.cards.frame import figure
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.jobs.artefact import Artefact


class ArtefactCard(Card):
    """A plain card whose `compute` gets fit and artefact; a button starts the job of the artefact.

    Attributes
    ----------
    artefact
        The artefact that the job computes.
    """

    artefact: ClassVar[Artefact[Any]]
    follows: ClassVar[tuple[str, ...]] = ("fit", "worked.result")

    def __init__(self, state: AppState, browser: Browser, runner: Runner) -> None:
        self.begin(state)
        self.worked = runner.follow(self.artefact)
        known, worked = state.param, self.worked.param
        of = known.fit, known.partial, worked.progress
        self.button = pmui.Button(
            label="Work out",
            size="small",
            margin=0,
            disabled=html.bound(lambda fit, *busy: fit is None or any(busy), *of),
            on_click=lambda _event: self.worked.start(),
        )
        head = html.heading(self.title, self.caption, self.formula, self.caveat)
        body = figure(self.picture(), message=html.bound(_words, *of, worked.result))
        self.build(head, body, browser=browser, tools=(self.button,))

    def inputs(self) -> tuple[Any, ...] | None:
        """Fit and artefact; None until there is an artefact."""
        return None if self.worked.result is None else super().inputs()


def _words(fit: object, partial: str, progress: str, result: object) -> str:
    """HTML message in place of the figure; empty if there is a result."""
    if fit is None or partial:
        return html.empty("This needs a fit that has ended.")
    said = progress or "Not worked out of this run yet"
    return html.empty(f"{said[:1].upper()}{said[1:]}.") if result is None else ""
