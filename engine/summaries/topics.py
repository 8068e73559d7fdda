"""Genes of a topic or factor, ranked; what a topic is in `TopicFit`, a factor is in `Fit`."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.lda import mixtures
from engine.per_fit import per_fit
from engine.results import AnyFit, TopicFit

Measure = Literal["probability", "relevance", "distinctiveness", "loading"]
RELEVANCE = 0.6
_TINY = float(np.finfo(float).tiny)


def measures(fit: AnyFit) -> tuple[Measure, ...]:
    """What the genes of a fit can be ranked by, the usual one first."""
    if isinstance(fit, TopicFit):
        return "probability", "relevance", "distinctiveness"
    return "loading", "distinctiveness"


def distinctiveness(fit: AnyFit) -> pd.DataFrame:
    """How far a gene tells each topic or factor from the next best one, log2; genes x topics.

    Of topics, the log fold change against the topic in which the gene is most frequent besides
    (Carbonetto et al. 2023, Genome Biology 24:236), ``log2 (p(w|t) + e) / (max p(w|s) + e)``
    over ``s != t``. One count of the topic, ``e = 1 / N_t``, is added to either side, so that
    a gene of few counts, which may lack in the others by chance, does not come first.

    Of factors, whose loadings are log fold changes for one standard deviation of the score,
    ``(|w_gj| - max |w_gi|) / log 2`` over ``i != j``.

    The pooled rest is not listed. Of one topic alone the reference is that topic, hence zero.
    """
    names = fit.genes[fit.is_gene]
    return pd.DataFrame(_ranked(fit).distinct, index=names, columns=fit.factor_names)


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
        found = repr(measure) if measure in get_args(Measure) else f"unknown {measure!r}"
        raise DataError(f"one of {', '.join(known)}", found, f"Choose one for {fit.model}.")
    if not 0 <= weight <= 1:
        raise DataError("a weight of the relevance from 0 to 1", str(weight), "Choose another.")
    check_topic(fit, topic)
    ranked = _ranked(fit)
    distinct = ranked.distinct[:, topic]
    if isinstance(fit, TopicFit):
        log_p, log_all = ranked.values[:, topic], ranked.overall
        columns = {
            "probability": fit.topics[fit.is_gene, topic].astype(float),
            "overall": np.exp(log_all),
            "lift": np.exp(log_p - log_all),
            "relevance": weight * log_p + (1 - weight) * (log_p - log_all),
            "distinctiveness": distinct,
        }
        key = columns[measure] if measure != "probability" else log_p
    else:
        columns = {"loading": ranked.values[:, topic], "distinctiveness": distinct}
        key = np.abs(columns[measure]) if measure == "loading" else distinct
    order = np.argsort(-key, kind="stable")
    return pd.DataFrame(columns, index=fit.genes[fit.is_gene].rename("gene")).iloc[order]


def check_topic(fit: AnyFit, topic: int) -> None:
    """Raise if there is no such topic or factor.

    Raises
    ------
    DataError
    """
    if not 0 <= topic < fit.n_factors:
        kind = "topic" if isinstance(fit, TopicFit) else "factor"
        raise DataError(
            f"a {kind} from 0 to {fit.n_factors - 1}", str(topic), "Choose one of this fit."
        )


class _Ranked(NamedTuple):
    """Of the G real genes: log p(w|t) or loadings (G, K), log p(w) (G,), and distinctiveness."""

    values: np.ndarray
    overall: np.ndarray
    distinct: np.ndarray


@per_fit
def _ranked(fit: AnyFit) -> _Ranked:
    real = fit.is_gene
    if not isinstance(fit, TopicFit):
        loadings = fit.loadings[real].astype(float)
        size = np.abs(loadings)
        return _Ranked(loadings, np.zeros(len(size)), (size - _next_best(size)) / np.log(2))
    topics = fit.topics[real].astype(float)
    shares = mixtures.count_shares(fit)
    # Of a topic that nobody uses, one count is all there is.
    one = 1 / np.maximum(shares * fit.total_counts.sum(dtype=float), 1)
    distinct = np.log2(topics + one) - np.log2(_next_best(topics) + one)
    log_topics = np.log(np.maximum(topics, _TINY))
    return _Ranked(log_topics, np.log(np.maximum(topics @ shares, _TINY)), distinct)


def _next_best(values: np.ndarray) -> np.ndarray:
    """(G, K) largest value of the row in any other column; of one column, itself."""
    if values.shape[1] < 2:
        return values
    best = values.argmax(1)
    second, first = np.partition(values, -2, axis=1)[:, -2:].T
    others = np.repeat(first[:, None], values.shape[1], 1)
    others[np.arange(len(values)), best] = second
    return others
