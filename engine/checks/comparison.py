"""Runs on the same data side by side: scores on held-out cells, likelihoods, checks, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pandas as pd

from engine.checks.completion import CellScores, ratio_error
from engine.errors import DataError
from engine.fitting.predictive import Mode
from engine.genes import find_genes, same_genes
from engine.registry import Config
from engine.results import Outline

SAME = "same cells"
NOT_SCORED, OTHER_CELLS, OTHER_GENES = "not scored", "other cells", "other genes"


@dataclass(frozen=True, eq=False)
class Contender:
    """One run of a comparison.

    Attributes
    ----------
    id, name, state
        Of the run.
    config
        What was fitted; its seed also chooses the held-out cells.
    seconds, passes
        Of the fit.
    score
        Saved score of its held-out cells, or None.
    cells
        Contribution of each held-out cell to the score.
    outline
        Cells and genes of the fit.
    checked
        Summaries of its predictive checks by their mode: ``misfits``, the numbers of genes by
        discrepancy, and ``n_draws``.
    """

    id: str
    name: str
    state: str
    config: Config
    seconds: float
    passes: int
    score: Mapping[str, Any] | None
    cells: CellScores | None
    outline: Outline
    checked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check_same_data(first: Outline, other: Outline, name: str) -> None:
    """Raise if two runs were fitted to different data.

    Data are the same if their fingerprints are equal. Choices of genes and cells change the
    fingerprint; so data are also the same if all common cells (by name) have equal total counts.

    Parameters
    ----------
    name
        Name of the other run, for the message.

    Raises
    ------
    DataError
        If the data differ.
    """
    if first.fingerprint and first.fingerprint == other.fingerprint:
        return
    expected = "a run on the same data as the open one"
    remedy = "Fit a model to the data of the open run, or open a run on those of this one."
    here, there = common(first, other)
    if not len(here):
        raise DataError(expected, f"no cell of the same name in {name!r}", remedy)
    one, two = first.total_counts[here], other.total_counts[there]
    # Totals are whole numbers, stored as float32 or float64.
    differ = int(np.count_nonzero(np.abs(one - two) > 0.5))
    if differ:
        difference = f"other total counts in {differ:,} of {len(here):,} common cells of {name!r}"
        raise DataError(expected, difference, remedy)


def common(first: Outline, other: Outline) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the common cells in both fits, in the order of the first."""
    if first.cells is other.cells or first.cells.equals(other.cells):
        return np.arange(len(first.cells)), np.arange(len(first.cells))
    there = other.cells.get_indexer(first.cells)
    here = np.flatnonzero(there >= 0)
    return here, there[here]


def paired_score(first: CellScores, other: CellScores) -> tuple[float, float] | None:
    """Difference of two scores per count, the other less the first, and its standard error.

    ``sum_c (l'_c - l_c) / sum_c v_c`` over held-out cells, l their log-likelihoods (nats) and v the
    counts of their second halves; linearised as in `ratio_error`. Differences between cells that
    both models share cancel. None if the runs scored different cells or halves.
    """
    if not np.array_equal(first.cells, other.cells):
        return None
    if not np.array_equal(first.n_counts, other.n_counts):
        return None
    gain = other.log_likelihood - first.log_likelihood
    return float(gain.sum() / first.n_counts.sum()), ratio_error(gain, first.n_counts)


def paired_marginal(first: Outline, other: Outline) -> tuple[float, float] | None:
    """Difference of the mean log-marginals of the cells in both, and its standard error, nats.

    The other less the first. None if a run has no log-marginals or the genes differ, as likelihoods
    are then of different counts.
    """
    if first.log_marginal is None or other.log_marginal is None or not _same_genes(first, other):
        return None
    here, there = common(first, other)
    gain = np.asarray(other.log_marginal[there] - first.log_marginal[here], float)
    if len(gain) < 2:
        return None
    return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))


def compare(runs: Sequence[Contender]) -> pd.DataFrame:
    """Compare runs with the first of them.

    Returns
    -------
    One row a run, indexed by its id:

    ``run``, ``model``, ``inference``, ``size`` (factors or topics), ``state``, ``passes``,
    ``seconds``, ``seed``, other ``settings`` that differ from those of the first run; ``score`` of
    the held-out cells (nats per count), ``perplexity``, ``gain`` and ``gain_se``, how much better
    per count than the first run on the same halves of the same cells (`paired_score`), and
    ``scored``, whether that was possible, in words; ``log_marginal``, the mean over the cells
    fitted in this run and the first (nats), ``is_bound``, whether that is a lower bound,
    ``marginal_gain`` and ``marginal_gain_se`` (`paired_marginal`); ``misfits``, their number in
    all, and ``misfits: ...`` by discrepancy, found by a predictive check of the mode ``check`` with
    ``draws`` draws. Modes find misfits of different kinds, so one mode is used for all runs: the
    one that most of them were checked in. Unknown values are NaN; ``check`` is empty for a run
    without a check.
    """
    mode = _shared_mode(runs)
    rows = [_row(runs[0], run, mode) for run in runs]
    return pd.DataFrame(rows, index=pd.Index([run.id for run in runs], name="id"))


def _shared_mode(runs: Sequence[Contender]) -> str:
    """The mode that most runs were checked in; the first of several."""
    return max(get_args(Mode), key=lambda mode: sum(mode in run.checked for run in runs))


def _row(first: Contender, run: Contender, mode: str) -> dict[str, Any]:
    config, score = run.config, run.score or {}
    why, gain = _gain(first, run)
    marginal = paired_marginal(first.outline, run.outline) or (np.nan, np.nan)
    check = run.checked.get(mode)
    misfits = {} if check is None else check["misfits"]
    return {
        "run": run.name,
        "model": config.model,
        "inference": config.inference,
        "size": config.size,
        "score": _number(score.get("log_likelihood_per_count")),
        "perplexity": _number(score.get("perplexity")),
        "gain": gain[0],
        "gain_se": gain[1],
        "scored": why,
        "log_marginal": _log_marginal(first.outline, run.outline),
        "is_bound": run.outline.is_bound,
        "marginal_gain": marginal[0],
        "marginal_gain_se": marginal[1],
        "check": "" if check is None else mode,
        "draws": np.nan if check is None else _number(check.get("n_draws")),
        "misfits": np.nan if check is None else float(sum(misfits.values())),
        **{f"misfits: {name}": float(count) for name, count in misfits.items()},
        "seconds": run.seconds,
        "passes": run.passes,
        "state": run.state,
        "seed": config.seed,
        "settings": _settings(first.config, config),
    }


def _settings(first: Config, config: Config) -> str:
    """The settings that differ from those of the first run and have no column of their own."""
    differences = config.differences(first)
    shown = ("inference", "seed", config.size_name())
    return "; ".join(words for name, words in differences.items() if name not in shown)


def _gain(first: Contender, run: Contender) -> tuple[str, tuple[float, float]]:
    unknown = np.nan, np.nan
    if run.score is None or run.cells is None:
        return NOT_SCORED, unknown
    if first.cells is None:
        return "open run not scored", unknown
    if not _same_genes(first.outline, run.outline):
        return OTHER_GENES, unknown
    gain = paired_score(first.cells, run.cells)
    return (OTHER_CELLS, unknown) if gain is None else (SAME, gain)


def _log_marginal(first: Outline, run: Outline) -> float:
    if run.log_marginal is None:
        return np.nan
    _here, there = common(first, run)
    return float(np.mean(run.log_marginal[there])) if len(there) else np.nan


def _same_genes(first: Outline, other: Outline) -> bool:
    if first.genes is other.genes or same_genes(first, other):
        return True
    ids, beside = first.gene_ids, other.gene_ids
    at = find_genes(other.genes, first.genes, ids, wanted_ids=beside, once=True)
    return len(first.genes) == len(at) and bool((at >= 0).all())


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
