"""What the views of a fit call its latents, by the kind of its model."""

from __future__ import annotations

from typing import Any

import param

from dashboard import html
from dashboard.plots.words import FACTORS, TOPICS, Words
from dashboard.state import AppState
from engine.results import AnyFit, TopicFit


def words(fit: AnyFit) -> Words:
    """What plots call the latents of a fit."""
    return TOPICS if isinstance(fit, TopicFit) else FACTORS


def heading(state: AppState, factors: html.Heading, topics: html.Heading) -> Any:
    """The heading that suits the fit that is shown."""
    return param.bind(lambda fit: topics if isinstance(fit, TopicFit) else factors, state.param.fit)
