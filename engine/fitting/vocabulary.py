"""Words of a model for its latents, and its capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

Capability = Literal[
    "signs",
    "mixtures",
    "capture",
    "log_marginal",
    "totals",
    "residuals",
    "weight_sd",
    "pair_uncertainty",
    "topic_uncertainty",
    "anchored_totals",
    "more_residuals",
    "label_shares",
    "structure",
    "laplace_test",
    "differences",
    "covariates",
]
CAPABILITIES: Mapping[Capability, str] = {
    "signs": "Weights of cells and of genes have signs; those of a latent are arbitrary.",
    "mixtures": "A cell's weights are proportions: none is negative, and they add up to one.",
    "capture": "Each cell has a capture efficiency.",
    "log_marginal": "Each cell has the log-marginal likelihood of its counts given their total.",
    "totals": "The total counts of cells are modelled.",
    "residuals": "Genes have a variance of their own beside the latents.",
    "weight_sd": "The weights of cells have posterior standard deviations.",
    "pair_uncertainty": "Errors of correlations and loadings can be worked out.",
    "topic_uncertainty": "Errors of the probabilities of genes can be worked out.",
    "anchored_totals": "The prior of a cell's capture efficiency uses its total.",
    "more_residuals": "Genes could have a variance of their own, and were given none.",
    "label_shares": "Labels can be said to explain shares of the variance of the weights.",
    "structure": "What genes share beyond the latents can be looked for.",
    "laplace_test": "Cells have a Laplace approximation that can be tested.",
    "covariates": "Effects of covariates of the cells were fitted.",
    "differences": "Levels of genes in groups of cells can be compared.",
}
Measure = Literal["probability", "relevance", "distinctiveness", "loading"]
Quantity = Literal["capture", "log_marginal"]

assert set(CAPABILITIES) == set(get_args(Capability))


class Vocabulary(NamedTuple):
    """Words of a model.

    Attributes
    ----------
    latent
        Word for one latent: "factor", "topic".
    model
        Name of its family in a sentence: "LNM or LNMVCP", "LDA".
    loading
        Name of the values (nats) that genes have for a latent.
    share
        Name of the shares of latents, in the middle of a sentence.
    share_column
        Name of `engine.fitting.fit_protocol.FittedModel.shares` in a table.
    unit
        Unit of the weights of cells, where they have signs.
    note
        A line for the help of every card, if its words on factors or topics do not quite hold.
    """

    latent: str
    model: str
    loading: str
    share: str
    share_column: str
    unit: str = "prior sd"
    note: str = ""

    @property
    def latents(self) -> str:
        """Plural of ``latent``."""
        return f"{self.latent}s"
