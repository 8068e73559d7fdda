"""Uncertainty of correlations, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard import html, lists
from dashboard.state import REPLICATES
from dashboard.templates import Html
from engine import summaries
from engine.checks import TopicUncertainty, Uncertainty
from engine.results import AnyFit

TOP = 20
REFIT = "Refit weighted cells {} times"
REFITS_BY_EM = "No intervals: they come from refits by EM. Fit these topics by EM to have them."


def pair_uncertainty(
    fit: AnyFit, result: Any, genes: Sequence[str]
) -> dict[str, np.ndarray] | None:
    """(n, n) tables of the uncertainty of the correlations of genes; None if it is not known."""
    if not isinstance(result, Uncertainty):
        return None
    return result.correlation(summaries.gene_positions(fit, genes))._asdict()


def gene_intervals(fit: AnyFit, result: Any, factor: int) -> pd.DataFrame | None:
    """90 % intervals of one factor's loadings or one topic's probabilities; None if unknown.

    One row a feature: ``low``, ``high`` and ``lfsr``, the local false sign rate of the loading or
    of the lift; of a topic also ``in_top``: the share of the refits in which the gene is among the
    `TOP` most probable.
    """
    if isinstance(result, TopicUncertainty):
        topics = result.topics()
        columns = {"low": topics.low, "high": topics.high, "in_top": result.among_top(TOP)}
        one = {name: values[:, factor] for name, values in columns.items()}
        signs = result.lfsr(fit, factor) if fit.can("mixtures") else np.nan
        return pd.DataFrame(one | {"lfsr": signs}, index=fit.genes)
    elif isinstance(result, Uncertainty):
        loadings = result.loadings()
        columns = {"low": loadings.low, "high": loadings.high, "lfsr": loadings.lfsr}
    else:
        return None
    return pd.DataFrame({name: a[:, factor] for name, a in columns.items()}, index=fit.genes)


def stability(result: Any, factor: int) -> str:
    """How far refits agree on a factor or topic, in words; empty if it is not known."""
    if isinstance(result, TopicUncertainty):
        share = lists.percent(float(result.top_stability(TOP)[factor]))
        return f"{share} of its top {TOP} genes stay so in {result.n_boot} refits."
    if isinstance(result, Uncertainty) and result.stability is not None:
        cosine = html.number(float(result.stability[factor]), 2)
        return f"Cosine with its like in {result.n_boot} refits: {cosine}."
    return ""


def interval(low: float, high: float) -> str:
    """A 90 % interval in words."""
    return f"{html.number(low, 2)} to {html.number(high, 2)}"


def rate(share: float) -> str:
    """A local false sign rate, or that of false signs or small effects, in words."""
    return "< 0.001" if share < 0.001 else html.number(share, 3)


def line(result: Any, progress: str, fit: AnyFit | None = None, *, more: str = "") -> str:
    """HTML of the method of the intervals, with buttons for other methods."""
    if progress:
        return lists.offered(f"Working out the intervals: {progress}.")
    mixes = fit is not None and fit.can("mixtures")
    if fit is not None and mixes and not fit.can("topic_uncertainty"):
        return REFITS_BY_EM
    if isinstance(result, TopicUncertainty):
        words = f"90 % intervals by the bootstrap, {result.n_boot} replicates. {more}"
        return lists.offered(f"{words} Instead:", *_refits(result.n_boot))
    if mixes:
        return lists.offered("How sure?", *_refits())
    if not isinstance(result, Uncertainty):
        press = lists.press("uncertainty", "delta", "Work them out", kind="act")
        return lists.offered("No intervals yet.", press)
    if result.method == "draws":
        return f"90 % intervals by the draws of the posterior. {more}"
    if result.method == "delta":
        return lists.offered("90 % intervals by the delta method. Instead:", *_refits())
    words = f"90 % intervals by the bootstrap, {result.n_boot} replicates. {more}"
    press = lists.press("uncertainty", "delta", "Delta method", kind="act")
    return lists.offered(f"{words} Instead:", *_refits(result.n_boot), press)


def _refits(but: int = 0) -> list[Html]:
    """Buttons that start a bootstrap, for each number of replicates but one."""
    return [
        lists.press("uncertainty", str(n), f"{n} refits", kind="act", label=REFIT.format(n))
        for n in REPLICATES
        if n != but
    ]
