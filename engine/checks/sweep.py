"""How many topics or factors: runs of several numbers side by side, and which one to choose."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from engine.checks.completion import CellScores, ratio_error
from engine.checks.quality import matched_cosines
from engine.registry import MODELS

_MEASURES = ("coherence", "diversity", "effective")
# Columns of the tables and their types.
_NUMBERS = dict.fromkeys(_MEASURES, "float64")
_TABLE = {
    "value": "int64",
    "n_seeds": "int64",
    "perplexity": "float64",
    "perplexity_se": "float64",
    "excess": "float64",
    "excess_se": "float64",
    **_NUMBERS,
    "stability": "float64",
    "seconds": "float64",
}
_RUNS = {
    "id": "str",
    "revision": "int64",
    "value": "int64",
    "seed": "int64",
    "state": "str",
    "message": "str",
    "seconds": "float64",
    "perplexity": "float64",
    **_NUMBERS,
}


@dataclass(frozen=True, eq=False)
class Trial:
    """One run of a sweep.

    Attributes
    ----------
    id, revision
        Of the run, and how often it has changed.
    value, seed
        Number of topics or factors, and the seed, which also chooses the held-out cells.
    state, message
        As in `engine.jobs.JobStatus`; only runs that are "done" are compared.
    seconds
        Of the fit.
    score
        Saved score of the held-out cells, or None.
    cells
        Contribution of each held-out cell to the score.
    programmes
        (G, K) topics or loadings of the real genes; None if stability is not requested.
    """

    id: str
    revision: int
    value: int
    seed: int
    state: str
    message: str
    seconds: float
    score: Mapping[str, Any] | None
    cells: CellScores | None
    programmes: np.ndarray | None = None

    @property
    def scored(self) -> bool:
        """Whether it takes part in the comparison."""
        return self.state == "done" and self.score is not None and self.cells is not None


@dataclass(frozen=True, eq=False)
class Sweep:
    """Results of fits with several numbers of topics or factors.

    Attributes
    ----------
    id, name, model
        Identity, label and model of the runs.
    parameter
        The number that varies: "topics" or "factors".
    holdout
        Share of the cells that were held out.
    finished
        Whether all runs have ended.
    table
        One row for each number scored: value, n_seeds; perplexity of the held-out cells and
        perplexity_se, its standard error over cells; excess over the best number's, and
        excess_se, its standard error, from the differences cell by cell; coherence, diversity and
        effective as in `Quality`, means over seeds; stability, the mean cosine of the topics or
        factors of two seeds, best matched (NaN with one seed); seconds, mean time of a fit.
    runs
        One row a run: id, revision, value, seed, state, message, seconds, perplexity, and the
        measures.
    suggested, reason
        Suggested number, None while there is nothing to compare; and the reason, in words.
    """

    id: str
    name: str
    model: str
    parameter: str
    holdout: float
    finished: bool
    table: pd.DataFrame
    runs: pd.DataFrame
    suggested: int | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; unknown values are None."""
        tables = {"table": _records(self.table), "runs": _records(self.runs)}
        return {**vars(self), **tables}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Sweep:
        """The inverse of `to_dict`."""
        tables = {
            "table": pd.DataFrame(values["table"], columns=list(_TABLE)).astype(_TABLE),
            "runs": pd.DataFrame(values["runs"], columns=list(_RUNS)).astype(_RUNS),
        }
        return cls(**{**values, **tables})


def sweep(
    trials: Sequence[Trial], *, id: str, name: str, model: str, holdout: float, finished: bool
) -> Sweep:
    """Compare runs of several numbers.

    Numbers are compared on the seeds that all of them have been run with, so on the same
    held-out cells.
    """
    parameter = f"{MODELS[model].config.latent}s"
    table = _table(_comparable(trials))
    suggested, reason = suggest(table, parameter)
    rows = [
        {
            **{name: getattr(trial, name) for name in list(_RUNS)[:7]},
            **{name: (trial.score or {}).get(name) for name in ("perplexity", *_MEASURES)},
        }
        for trial in sorted(trials, key=lambda trial: (trial.value, trial.seed))
    ]
    runs = pd.DataFrame(rows, columns=list(_RUNS)).astype(_RUNS)
    return Sweep(id, name, model, parameter, holdout, finished, table, runs, suggested, reason)


def suggest(table: pd.DataFrame, parameter: str) -> tuple[int | None, str]:
    """The smallest number that is as good as the best, by the rule of one standard error.

    That is the smallest whose held-out perplexity exceeds the lowest by no more than the standard
    error of this difference (Breiman et al. 1984, section 3.4.3, here with paired cells).

    Parameters
    ----------
    table
        Of a `Sweep`.
    parameter
        "topics" or "factors", for the reason.
    """
    if len(table) < 2:
        return None, f"Fewer than two numbers of {parameter} have been scored on the same cells."
    rows = table.to_dict("records")
    best = next(row for row in rows if row["excess"] == 0)
    chosen = next(row for row in rows if row["excess"] <= row["excess_se"])
    value = int(chosen["value"])
    lowest = f"have the lowest perplexity of held-out cells, {best['perplexity']:.5g}"
    if chosen is best:
        reason = f"{value} {parameter} {lowest}"
        smaller = [row for row in rows if row["value"] < value]
        if smaller:
            nearest = min(smaller, key=lambda row: float(row["excess"]))
            reason += (
                f"; the next best smaller number, {nearest['value']:.0f}, is worse by "
                f"{nearest['excess']:.3g} ± {nearest['excess_se']:.2g}"
            )
    else:
        reason = (
            f"{best['value']:.0f} {parameter} {lowest}, but {value} are worse by no more than the "
            f"standard error of the difference "
            f"({chosen['excess']:.3g} ± {chosen['excess_se']:.2g})"
        )
    if best is rows[-1]:
        reason += ". The best is the largest number tried; larger ones may be better"
    return value, f"{reason}."


def _comparable(trials: Sequence[Trial]) -> dict[int, dict[int, Trial]]:
    """Scored trials by number and seed, for the seeds that all numbers have."""
    by_value: dict[int, dict[int, Trial]] = {}
    for trial in trials:
        if trial.scored:
            by_value.setdefault(trial.value, {})[trial.seed] = trial
    if not by_value:
        return {}
    shared = sorted(set.intersection(*map(set, by_value.values())))
    # Held-out cells differ if the data changed between runs.
    shared = [seed for seed in shared if _same_cells([one[seed] for one in by_value.values()])]
    return (
        {value: {seed: by_value[value][seed] for seed in shared} for value in sorted(by_value)}
        if shared
        else {}
    )


def _same_cells(trials: Sequence[Trial]) -> bool:
    cells = [trial.cells for trial in trials if trial.cells is not None]
    return all(
        np.array_equal(cells[0].cells, other.cells)
        and np.array_equal(cells[0].n_counts, other.n_counts)
        for other in cells[1:]
    )


def _table(trials: Mapping[int, Mapping[int, Trial]]) -> pd.DataFrame:
    cells = {value: _pooled(by_seed) for value, by_seed in trials.items()}
    means = {value: values.sum() / n.sum() for value, (values, n) in cells.items()}
    best = max(means, key=lambda value: means[value]) if means else 0
    rows = []
    for value, by_seed in trials.items():
        values, n = cells[value]
        perplexity = math.exp(-means[value])
        runs = list(by_seed.values())
        measures = {name: [(run.score or {}).get(name) for run in runs] for name in _MEASURES}
        rows.append(
            {
                "value": value,
                "n_seeds": len(runs),
                "perplexity": perplexity,
                "perplexity_se": perplexity * ratio_error(values, n),
                "excess": perplexity - math.exp(-means[best]),
                "excess_se": perplexity * ratio_error(cells[best][0] - values, n),
                **{name: _mean(measured) for name, measured in measures.items()},
                "stability": _stability(runs),
                "seconds": _mean([run.seconds for run in runs]),
            }
        )
    return pd.DataFrame(rows, columns=list(_TABLE)).astype(_TABLE)


def _pooled(by_seed: Mapping[int, Trial]) -> tuple[np.ndarray, np.ndarray]:
    parts = [trial.cells for trial in by_seed.values() if trial.cells is not None]
    values = np.concatenate([part.log_likelihood for part in parts])
    return values, np.concatenate([part.n_counts for part in parts])


def _stability(runs: Sequence[Trial]) -> float:
    known = [run.programmes for run in runs if run.programmes is not None]
    pairs = [pair for pair in combinations(known, 2) if pair[0].shape == pair[1].shape]
    return _mean([float(matched_cosines(*pair).mean()) for pair in pairs])


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else math.nan


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    # JSON turns NumPy's numbers into plain ones and NaN into None.
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return records
