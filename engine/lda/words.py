"""Sentences of a methods section on topics, with their numbers.

The formulas are those of `engine.lda.equations`, and the priors those of the fit.
"""

from __future__ import annotations

from engine.fitting.words import Methods, encoder, refined
from engine.lda.arrays import TopicArrays
from engine.lda.config import LDAConfig
from engine.text import count, number

BLEI = (
    "Blei, D. M., Ng, A. Y. & Jordan, M. I. (2003). Latent Dirichlet allocation. "
    "J. Mach. Learn. Res. 3."
)
MACKAY = "MacKay, D. J. C. (1998). Choice of basis for Laplace approximation. Mach. Learn. 33."
SRIVASTAVA = (
    "Srivastava, A. & Sutton, C. (2017). Autoencoding variational inference for topic models. ICLR."
)


def methods(fit: TopicArrays) -> Methods:
    """Sentences of a methods section on a fit."""
    config = fit.config
    return Methods(_model(fit), _inference(config), _objective(config), _cited(config))


def _model(fit: TopicArrays) -> list[str]:
    config = fit.config
    topics = count(fit.n_topics, "topic")
    alpha, eta = _concentration(config, "topic"), _concentration(config, "feature")
    return [
        f"The counts u_c of a cell c were modelled by latent Dirichlet allocation (LDA; Blei et "
        f"al., 2003) with {topics}: each count of the cell is of feature g with probability "
        f"Σ_k θ_ck β_kg, with θ_c ~ Dirichlet(α) and β_k ~ Dirichlet(η), {alpha} and {eta}."
    ]


def _concentration(config: LDAConfig, of: str) -> str:
    letter, given = ("α", config.topic_prior) if of == "topic" else ("η", config.feature_prior)
    if given is None:
        return f"{letter} = 1/{config.size}"
    if isinstance(given, tuple):
        low, high = number(min(given)), number(max(given))
        return f"{letter} one value a {of} from {low} to {high}"
    return f"{letter} = {number(given)}"


def _inference(config: LDAConfig) -> str:
    return _em(config) if config.inference == "em" else _amortised(config)


def _cited(config: LDAConfig) -> list[str]:
    return [BLEI, MACKAY if config.inference == "em" else SRIVASTAVA]


def _objective(config: LDAConfig) -> str:
    words = "an evidence lower bound" if config.inference == "vae" else "a log likelihood"
    return f"{words} (without the multinomial coefficient)"


def _em(config: LDAConfig) -> str:
    return (
        "Topics and proportions were estimated by accelerated EM in the softmax basis (MacKay, "
        f"1998), from the best of {count(config.n_starts, 'start')}, to a tolerance of "
        f"{number(config.tolerance)} nats per cell."
    )


def _amortised(config: LDAConfig) -> str:
    return (
        "It was fitted by amortised variational inference with logistic-normal approximations "
        f"of the Dirichlet distributions (Srivastava & Sutton, 2017) {encoder(config)}."
        f"{refined(config, 'Proportions')}"
    )
