"""Ranked genes of a topic of `TopicFit`, or of a factor of `Fit`."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.fitting.vocabulary import Measure
from engine.results import AnyFit

RELEVANCE = 0.6


def measures(fit: AnyFit) -> tuple[Measure, ...]:
    """Measures that rank the genes of a fit, the default first."""
    return fit.measures


def distinctiveness(fit: AnyFit) -> pd.DataFrame:
    """Log2 distinctiveness of genes for each topic or factor against the next; genes x topics.

    For topics, the log fold change against the other topic in which the gene is most frequent
    (Carbonetto et al. 2023, Genome Biology 24:236), ``log2 (p(w|t) + e) / (max p(w|s) + e)`` over
    ``s != t``. One count of the topic, ``e = 1 / N_t``, is added to either side, so that a gene of
    few counts, which the others may lack by chance, does not come first.

    For factors, whose loadings are log fold changes for one standard deviation of the score,
    ``(|w_gj| - max |w_gi|) / log 2`` over ``i != j``.

    The pooled rest is not listed. With a single topic, values are zero.
    """
    names = fit.genes[fit.is_gene]
    return pd.DataFrame(fit.distinctiveness(), index=names, columns=fit.factor_names)


def ranking(
    fit: AnyFit, topic: int, measure: Measure | None = None, weight: float = RELEVANCE
) -> pd.DataFrame:
    """The real genes of one topic or factor, best first; ties stay in the order of the fit.

    Parameters
    ----------
    topic
        Position, from 0.
    measure
        One of `measures`, by default the first. Loadings are ranked by absolute value.
    weight
        lambda of the relevance ``lambda log p(w|t) + (1 - lambda) log p(w|t) / p(w)``
        (Sievert & Shirley 2014): 1 ranks by probability, 0 by lift.

    Returns
    -------
    One row a gene. Of a topic: ``probability`` p(w|t), ``overall`` p(w), ``lift`` p(w|t) / p(w),
    ``relevance`` (nats) and ``distinctiveness`` (log2). Of a factor: ``loading`` (CLR, nats)
    and ``distinctiveness``.

    Raises
    ------
    DataError
        If there is no such topic, the fit has no such measure or the weight is beyond 0 to 1.
    """
    known = measures(fit)
    measure = measure or known[0]
    if measure not in known:
        actual = repr(measure) if measure in get_args(Measure) else f"unknown {measure!r}"
        raise DataError(f"one of {', '.join(known)}", actual, f"Choose one for {fit.model}.")
    if not 0 <= weight <= 1:
        raise DataError("a weight of the relevance from 0 to 1", str(weight), "Choose another.")
    check_topic(fit, topic)
    columns, key = fit.ranked(topic, measure, weight)
    order = np.argsort(-key, kind="stable")
    return pd.DataFrame(columns, index=fit.genes[fit.is_gene].rename("gene")).iloc[order]


def check_topic(fit: AnyFit, topic: int) -> None:
    """Raise if there is no such topic or factor.

    Raises
    ------
    DataError
    """
    if not 0 <= topic < fit.n_factors:
        raise DataError(
            f"a {fit.latent} from 0 to {fit.n_factors - 1}", str(topic), "Choose one of this fit."
        )
