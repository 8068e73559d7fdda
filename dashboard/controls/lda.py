"""Settings of latent Dirichlet allocation, each with a line of help."""

from __future__ import annotations

from typing import Any

from dashboard import html
from dashboard.controls.fields import choice, number, size
from dashboard.controls.form import beside, folded
from dashboard.state import AppState

# The number of latents whose form this is.
SIZE = "n_topics"
INFERENCES = {"EM": "em", "VAE": "vae"}
HELP = {
    "em": "EM: the more exact, and the quicker up to some 100,000 cells.",
    "vae": "VAE: an encoder, trained in minibatches; it places new cells at once.",
}
PER_TOPIC: dict[str, Any] = {"placeholder": "1 / topics", "step": 0.01, "format": "0.[000000]"}


def first(state: AppState) -> list[Any]:
    """Main settings."""
    of = state.param
    return [
        beside(
            size(of.n_topics, "Topics", "auto: as the counts tell"),
            choice(of.topic_inference, "Inference", "How it is fitted", INFERENCES),
        ),
        html.pane(html.bound(lambda inference: html.note(HELP[inference]), of.topic_inference)),
    ]


def others(state: AppState) -> list[Any]:
    """Other settings, in collapsed sections."""
    return [folded("Priors", *_priors(state.param))]


def _priors(of: Any) -> list[Any]:
    return [
        number(
            of.topic_prior,
            "Prior of topics α",
            "Dirichlet, of a cell's proportions; below 1 favours few topics",
            **PER_TOPIC,
        ),
        number(
            of.feature_prior,
            "Prior of genes η",
            "Dirichlet, of a topic's probabilities; below 1 favours few genes",
            **PER_TOPIC,
        ),
    ]
