"""Sentences of a methods section that several models share."""

from __future__ import annotations

from typing import NamedTuple

from engine.fitting.training_config import Training
from engine.text import count, number


class Methods(NamedTuple):
    """What a methods section says of a fit by its model.

    Attributes
    ----------
    model
        The model, its formula and its priors, in sentences.
    inference
        How it was fitted, with the settings that matter.
    objective
        What the number that stands for the quality of a fit is.
    references
        Full references of what these cite.
    """

    model: list[str]
    inference: str
    objective: str
    references: list[str]


def encoder(config: Training) -> str:
    """How the encoder was trained."""
    validation = ""
    if config.validation:
        validation = f"; {100 * config.validation:.3g} % of the cells decided when to end"
    return (
        f"with an encoder of two layers of {config.hidden:,} units, trained by Adam in minibatches "
        f"of {count(config.batch_cells, 'cell')} (largest step {number(config.learning_rate)}, "
        f"{config.schedule} schedule, dropout {number(config.dropout)}{validation})"
    )


def refined(config: Training, what: str) -> str:
    """That the values of the encoder were refined, if they were."""
    return f" {what} were then moved to the mode of each cell's posterior." if config.refine else ""
