"""What a misfit means, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.checks.predictive.settings import FEWEST_CELLS, CheckSettings
from engine.results import AnyFit

# Share of false finds that is accepted, and deviations too small to speak of.
LEVEL = 0.05
# p-value at which totals are spoken of.
SURE = 0.01
LEAST_RATIO = {"mean": 1.1, "variance": 1.25, "max": 1.5, "clr_variance": 1.25}
LEAST_ZEROS = 0.02
LEAST_CORRELATION = 0.1
# Fewer genes or pairs than this are left to the table.
LEAST_COUNT, LEAST_SHARE = 3, 0.005
_NAMED = 3
_RESIDUAL = "give genes a residual variance (Residual d: learned), or "
_ANCHORED = (
    "Total counts are not as drawn: the anchored prior of the capture efficiency uses each cell's "
    "total a second time. Do not read drawn totals or the sd of efficiencies closely, or fit with "
    "Capture prior: shared by all cells."
)
_BLAMED = "drawn totals differ from those seen; check with Totals: as observed."
_WORDS = {
    "mean": "Mean",
    "variance": "Variance",
    "zero_fraction": "Share of zeros",
    "max": "Largest count",
    "clr_variance": "CLR variance",
}


@dataclass(frozen=True)
class Subject:
    """What was checked: the fit, how, and what a group of its cells is called ("" for all)."""

    fit: AnyFit
    settings: CheckSettings
    group: str = ""


def misfits(genes: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of genes that are both significant and large enough to matter.

    Significant: q-value at most 0.05. Large: observed over predicted, or the inverse, at least 1.1
    for the mean, 1.25 for variances and 1.5 for the largest count; a share of zeros that is
    0.02 off.
    """
    observed, predicted = genes["observed"], genes["predicted"]
    # As if each had a little more: what is hardly ever counted has no ratio.
    ratio = np.abs(np.log((observed + 1e-3) / (predicted + 1e-3)))
    least = genes["discrepancy"].map({name: np.log(value) for name, value in LEAST_RATIO.items()})
    zeros = genes["discrepancy"] == "zero_fraction"
    large = np.where(zeros, (observed - predicted).abs() >= LEAST_ZEROS, ratio >= least)
    return genes[(genes["q_value"] <= LEVEL) & large]


def findings(
    genes: pd.DataFrame,
    pairs: pd.DataFrame,
    totals: pd.DataFrame | None,
    subject: Subject,
) -> list[str]:
    """Sentences for the misfits of one group of cells; none where nothing is wrong.

    A statistic is spoken of if at least 3 genes (pairs), and 0.5 % of them, are off in the same
    direction as `misfits` has it (pairs: q-value at most 0.05, and correlations that differ by
    0.1). The rules, where "under" is predicted less than observed:

    - d = 0, and any but the mean under: genes need residuals of their own, or more factors.
    - any with draws at the mode alone: expected, as those leave out what is not known of a
      cell; a check that does not is advised.
    - mean, either way: the fit has not settled, or the cells are not those it was made for.
    - variance or CLR variance under: more factors, or topics. Over: fewer.
    - zeros under: inflated by something beside counting (drop-out, batches, hidden groups). Over:
      the variance is too large where the mean is small.
    - largest count under: outlying cells.
    - correlation too weak, or some too weak and others too strong: more factors. Too strong
      alone: fewer, or with d = 0 residuals.
    - total counts (p at most 0.01): their distribution is not the negative binomial's. Where
      each cell's capture is anchored on its own total, that is the prior's doing.
    """
    found = misfits(genes)
    anchored = totals is not None and _anchored(totals, subject)
    blamed = anchored and subject.settings.totals == "model"
    sentences = []
    n_genes = genes["gene"].nunique()
    for name in _WORDS:
        own = found[found["discrepancy"] == name]
        for under in (True, False):
            rows = own[(own["observed"] > own["predicted"]) == under]
            if _enough(len(rows), n_genes):
                advice = _BLAMED if blamed else _advice(name, under, subject)
                sentences.append(_sentence(name, under, rows["gene"], advice))
    sentences += _of_pairs(pairs, subject)
    if anchored:
        sentences.append(_ANCHORED)
    elif totals is not None:
        sentences += _of_totals(totals)
    where = f"{subject.group}: " if subject.group else ""
    return [where + sentence for sentence in sentences]


def not_judged(groups: Mapping[str, int], n_cells: int) -> list[str]:
    """What cells are too few for, in words: groups and all cells, by the numbers of their cells."""
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


def _sentence(name: str, under: bool, genes: pd.Series, advice: str) -> str:
    direction = "underpredicted" if under else "overpredicted"
    named = ", ".join(map(str, genes[:_NAMED]))
    more = ", ..." if len(genes) > _NAMED else ""
    return f"{_WORDS[name]} {direction} for {len(genes):,} genes ({named}{more}): {advice}"


def _advice(name: str, under: bool, subject: Subject) -> str:
    fit, latents = subject.fit, subject.fit.vocabulary.latents
    more = f"raise the number of {latents} (now {fit.n_factors})"
    if fit.can("more_residuals") and under and name != "mean":
        return f"{_RESIDUAL}{more}."
    if subject.settings.mode == "map":
        return (
            "draws at the mode leave out what is not known of a cell; "
            "check with Mode: From posterior."
        )
    if name == "mean":
        if subject.settings.mode == "population":
            return f"cells are not spread as the prior of the {latents} has it; {more}."
        return "let the fit go on, or check the cells that it was made for."
    if name in ("variance", "clr_variance"):
        if not under:
            return f"the fit spreads cells too far; lower the number of {fit.vocabulary.latents}."
        if not fit.can("residuals"):
            return f"{more}, or fit an LNM, whose genes vary beside their programmes."
        return f"{more}."
    if name == "zero_fraction":
        if under:
            return (
                "more zeros than counts of that mean allow; "
                f"look for drop-out, batches or hidden groups of cells, or {more}."
            )
        return "the fit takes these genes for burstier than they are; do not trust their variance."
    if under:
        return "a few cells hold far more than the model allows; look for doublets and outliers."
    return "the model allows for outlying cells that are not there; do not trust their variance."


def _of_pairs(pairs: pd.DataFrame, subject: Subject) -> list[str]:
    observed, predicted = pairs["observed"], pairs["predicted"]
    off = (pairs["q_value"] <= LEVEL) & ((observed - predicted).abs() >= LEAST_CORRELATION)
    weaker = (predicted.abs() < observed.abs()) | (observed * predicted < 0)
    found, n_weak = pairs[off], int((off & weaker).sum())
    n_strong = len(found) - n_weak
    weak, strong = _enough(n_weak, len(pairs)), _enough(n_strong, len(pairs))
    if not (weak or strong):
        return []
    advice = f"raise the number of {subject.fit.vocabulary.latents} (now {subject.fit.n_factors})."
    direction = f"underpredicted for {n_weak:,}"
    if strong:
        direction = f"overpredicted for {n_strong:,}"
        if weak:
            direction = f"underpredicted for {n_weak:,} and {direction}"
        elif not subject.fit.can("more_residuals"):
            advice = f"lower the number of {subject.fit.vocabulary.latents}."
    if subject.fit.can("more_residuals"):
        advice = _RESIDUAL + advice
    first = found.iloc[0]
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
        elif abs(observed - predicted) >= np.log(LEAST_RATIO["mean"]):
            direction = "under" if under else "over"
            sentences.append(
                f"Total counts {direction}predicted: check that the cells are those of the fit, "
                "and the number of molecules expected of a cell."
            )
    return sentences


def _anchored(totals: pd.DataFrame, subject: Subject) -> bool:
    """Whether totals are off that come of posteriors that each total is used in twice."""
    given = subject.fit.can("anchored_totals") and subject.settings.mode != "population"
    return given and bool((totals["p_value"] <= SURE).any())
