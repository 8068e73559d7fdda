"""Sentences of a methods section that several models share."""

from __future__ import annotations

from typing import NamedTuple

from engine.fitting.training_config import Training
from engine.text import count, number


class Methods(NamedTuple):
    """The sentences of a methods section on a fit.

    Attributes
    ----------
    model
        The model, its formula and its priors, in sentences.
    inference
        How it was fitted, with the settings that matter.
    objective
        Name of the number that measures the quality of a fit.
    references
        Full references of the works cited.
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
    """A sentence that the encoder's values were refined; empty if they were not."""
    return f" {what} were then moved to the mode of each cell's posterior." if config.refine else ""
