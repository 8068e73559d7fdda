"""What a misfit means, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from engine.checks.predictive.check_settings import FEWEST_CELLS
from engine.checks.predictive.discrepancies import DISCREPANCIES
from engine.checks.predictive.discrepancy import Discrepancy, Subject

# False discovery rate of misfits.
LEVEL = 0.05
# Largest p-value of totals, and least difference of correlations, that are reported.
SURE = 0.01
LEAST_CORRELATION = 0.1
# Fewer genes or pairs than this are only in the table.
LEAST_COUNT, LEAST_SHARE = 3, 0.005
_NAMED = 3
_RESIDUAL = "give genes a residual variance (Residual d: learned), or "
_ANCHORED = (
    "Total counts are not as drawn: the anchored prior of the capture efficiency uses each cell's "
    "total a second time. Do not read drawn totals or the sd of efficiencies closely, or fit with "
    "Capture prior: shared by all cells."
)
_BLAMED = "drawn totals differ from those seen; check with Totals: as observed."


def misfits(genes: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of genes that are both significant and large enough to matter.

    Significant: q-value at most 0.05. Large: by `Discrepancy.large`.
    """
    large = np.zeros(len(genes), bool)
    observed, predicted = genes["observed"].to_numpy(), genes["predicted"].to_numpy()
    for name, one in DISCREPANCIES.items():
        own = (genes["discrepancy"] == name).to_numpy()
        large[own] = one.large(observed[own], predicted[own])
    return genes[(genes["q_value"] <= LEVEL) & large]


def findings(
    genes: pd.DataFrame,
    pairs: pd.DataFrame,
    totals: pd.DataFrame | None,
    subject: Subject,
) -> list[str]:
    """Sentences for the misfits of one group of cells; none where nothing is wrong.

    A statistic is reported if at least 3 genes (pairs), and 0.5 % of them, are `misfits` in the
    same direction (pairs: q-value at most 0.05, and correlations that differ by 0.1). The rules,
    where "under" is predicted less than observed:

    - d = 0, and any but the mean under: genes need residuals of their own, or more factors.
    - any with draws at the mode alone: expected, as those leave out the uncertainty of a cell;
      another mode is advised.
    - mean, either way: the fit has not settled, or the cells are not those it was made for.
    - variance or CLR variance under: more factors, or topics. Over: fewer.
    - zeros under: inflated by something beside counting (drop-out, batches, hidden groups). Over:
      the variance is too large where the mean is small.
    - largest count under: outlying cells.
    - correlation too weak, or some too weak and others too strong: more factors. Too strong
      alone: fewer, or with d = 0 residuals.
    - total counts (p at most 0.01): their distribution is not the negative binomial's. If each
      cell's capture is anchored on its own total, the prior is the cause.
    """
    rows_off = misfits(genes)
    anchored = totals is not None and _anchored(totals, subject)
    blamed = anchored and subject.settings.totals == "model"
    sentences = []
    n_genes = genes["gene"].nunique()
    for name, one in DISCREPANCIES.items():
        own = rows_off[rows_off["discrepancy"] == name]
        for under in (True, False):
            rows = own[(own["observed"] > own["predicted"]) == under]
            if _enough(len(rows), n_genes):
                advice = _BLAMED if blamed else _advice(one, under, subject)
                sentences.append(_sentence(one.words, under, rows["gene"], advice))
    sentences += _of_pairs(pairs, subject)
    if anchored:
        sentences.append(_ANCHORED)
    elif totals is not None:
        sentences += _of_totals(totals)
    where = f"{subject.group}: " if subject.group else ""
    return [where + sentence for sentence in sentences]


def not_judged(groups: Mapping[str, int], n_cells: int) -> list[str]:
    """Sentences on what was not judged, in groups (by their numbers of cells) or all cells."""
    notes = []
    alone = {name: count for name, count in groups.items() if count < 2}
    few = {name: n for name, n in groups.items() if n < FEWEST_CELLS and name not in alone}
    why = "Correlations of genes were not judged"
    if n_cells < FEWEST_CELLS:
        notes.append(f"{why}: that takes at least {FEWEST_CELLS} cells, and these are {n_cells}.")
    elif few:
        notes.append(f"{why} in groups of fewer than {FEWEST_CELLS} cells: {_counted(few)}.")
    if alone:
        notes.append(f"Groups of fewer than two cells were not checked: {_counted(alone)}.")
    return notes


def _counted(groups: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in groups.items())


def _enough(count: int, among: int) -> bool:
    return count >= max(LEAST_COUNT, LEAST_SHARE * among)


def _sentence(words: str, under: bool, genes: pd.Series, advice: str) -> str:
    direction = "underpredicted" if under else "overpredicted"
    named = ", ".join(map(str, genes[:_NAMED]))
    more = ", ..." if len(genes) > _NAMED else ""
    return f"{words} {direction} for {len(genes):,} genes ({named}{more}): {advice}"


def _advice(one: Discrepancy, under: bool, subject: Subject) -> str:
    if subject.fit.can("more_residuals") and under and one.of_spread:
        return f"{_RESIDUAL}{subject.more}."
    if subject.settings.mode == "map":
        return (
            "draws at the mode leave out what is not known of a cell; "
            "check with Mode: From posterior."
        )
    return one.advice(under, subject)


def _of_pairs(pairs: pd.DataFrame, subject: Subject) -> list[str]:
    observed, predicted = pairs["observed"], pairs["predicted"]
    off = (pairs["q_value"] <= LEVEL) & ((observed - predicted).abs() >= LEAST_CORRELATION)
    weaker = (predicted.abs() < observed.abs()) | (observed * predicted < 0)
    pairs_off, n_weak = pairs[off], int((off & weaker).sum())
    n_strong = len(pairs_off) - n_weak
    weak, strong = _enough(n_weak, len(pairs)), _enough(n_strong, len(pairs))
    if not (weak or strong):
        return []
    advice = f"{subject.more}."
    direction = f"underpredicted for {n_weak:,}"
    if strong:
        direction = f"overpredicted for {n_strong:,}"
        if weak:
            direction = f"underpredicted for {n_weak:,} and {direction}"
        elif not subject.fit.can("more_residuals"):
            advice = f"lower the number of {subject.fit.vocabulary.latents}."
    if subject.fit.can("more_residuals"):
        advice = _RESIDUAL + advice
    first = pairs_off.iloc[0]
    names = f"({first['gene']} and {first['other']}, ...)"
    return [f"Correlation {direction} of {len(pairs):,} pairs of genes {names}: {advice}"]


def _of_totals(totals: pd.DataFrame) -> list[str]:
    sentences = []
    off = totals[totals["p_value"] <= SURE]
    columns = (off[name].tolist() for name in ("statistic", "observed", "predicted"))
    for statistic, observed, predicted in zip(*columns, strict=True):
        under = observed > predicted
        if statistic == "sd of log total":
            word = "more" if under else "less"
            sentences.append(
                f"Total counts vary {word} than the model has it: do not read "
                "capture efficiencies or drawn totals closely."
            )
        elif abs(observed - predicted) >= np.log(DISCREPANCIES["mean"].least_ratio):
            direction = "under" if under else "over"
            sentences.append(
                f"Total counts {direction}predicted: check that the cells are those of the fit, "
                "and the number of molecules expected of a cell."
            )
    return sentences


def _anchored(totals: pd.DataFrame, subject: Subject) -> bool:
    """Whether totals are off because anchored posteriors use each total twice."""
    given = subject.fit.can("anchored_totals") and subject.settings.mode != "population"
    return given and bool((totals["p_value"] <= SURE).any())
