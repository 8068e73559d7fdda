"""predictive_check: replicate data from a fit and compare them with the observed."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.checks.missed import MissedPairs
from engine.checks.predictive import check_tables, statistics
from engine.checks.predictive.check_settings import CheckSettings, CheckTotals
from engine.checks.predictive.count_sums import Sums
from engine.checks.predictive.discrepancy import Subject
from engine.checks.predictive.interpretation import findings, misfits, not_judged
from engine.checks.predictive.replication import Cells, stream
from engine.checks.predictive.subsets import cells_to_check, detailed_genes
from engine.data import Counts
from engine.fitting.predictive import Mode
from engine.results import AnyFit

ALL_CELLS = "all cells"


@dataclass(frozen=True)
class PredictiveCheck:
    """Observed data against replicates of them, as tidy tables.

    All tables but ``residuals`` have ``observed``, ``predicted`` (the mean over draws) and the
    bands ``low_90``, ``low_50``, ``high_50``, ``high_90`` that hold 90 % and 50 % of the draws. The
    first column, ``group``, is "all cells" or a requested group; a label of that very name is "all
    cells (label)".

    Attributes
    ----------
    genes
        One row a gene and discrepancy ("mean", "variance", "zero_fraction", "max",
        "clr_variance"), worst first: ``p_value`` two-sided, ``q_value`` adjusted for the genes.
        The CLR is that of counts plus 0.5, over all features of the fit.
    pairs
        Pearson correlations of ``log(1 + count scale / total)``, for the genes in detail;
        scale is the median total. Not judged over fewer than 20 cells: p and q are NaN.
    distributions
        Cells by their counts of each gene in detail, from ``low`` to below ``high``; columns
        ``ecdf_...`` have the share of cells up to the end of the bin.
    residuals
        Q-Q data of randomised quantile residuals (Dunn & Smyth 1996) of the genes in detail.
    totals, total_statistics
        Cells by their total counts, and moments of those, under the model's totals; None for LDA.
    findings
        What is wrong in plain words; empty if nothing is.
    notes
        What was not judged because cells are too few, in plain words.
    n_cells, n_without_counts, n_failed
        Cells checked, cells left out without counts, and cells whose posterior mode was not found,
        which are drawn from where the search ended.
    missed
        Pairs of genes that the fit misses, if they were tested beside the check.
    """

    settings: CheckSettings
    model: str
    genes: pd.DataFrame
    pairs: pd.DataFrame
    distributions: pd.DataFrame
    residuals: pd.DataFrame
    totals: pd.DataFrame | None
    total_statistics: pd.DataFrame | None
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    n_cells: int
    n_without_counts: int
    n_failed: int
    missed: MissedPairs | None = None

    @property
    def misfits(self) -> pd.DataFrame:
        """The rows of ``genes`` that are significant and large enough to matter."""
        return misfits(self.genes)

    def summary(self) -> dict[str, Any]:
        """Settings, numbers of misfits by group and discrepancy, and findings, ready for JSON."""
        counted = self.misfits.groupby(["group", "discrepancy"]).size().reset_index(name="n_genes")
        return {
            "model": self.model,
            **asdict(self.settings),
            "cells": self.n_cells,
            "cells_without_counts": self.n_without_counts,
            "failed_cells": self.n_failed,
            "misfits": counted.to_dict("records"),
            "findings": list(self.findings),
            "notes": list(self.notes),
            "missed": None if self.missed is None else self.missed.to_dict(),
        }


@dataclass(frozen=True)
class CheckProgress:
    """A step of a check: the share of the cells done; the last step has the check."""

    fraction: float
    check: PredictiveCheck | None = None


def predictive_check(
    fit: AnyFit,
    counts: Counts,
    *,
    mode: Mode = "laplace",
    totals: CheckTotals | None = None,
    n_draws: int = 100,
    genes: Iterable[str] | None = None,
    cells: np.ndarray | None = None,
    groups: pd.Series | np.ndarray | None = None,
    seed: int = 0,
) -> PredictiveCheck:
    """Compare counts with replicates that a fit draws of them; see `predictive_check_iter`."""
    *_, last = predictive_check_iter(
        fit,
        counts,
        mode=mode,
        totals=totals,
        n_draws=n_draws,
        genes=genes,
        cells=cells,
        groups=groups,
        seed=seed,
    )
    if last.check is None:
        raise RuntimeError("a check ends with its result")
    return last.check


def predictive_check_iter(
    fit: AnyFit,
    counts: Counts,
    *,
    mode: Mode = "laplace",
    totals: CheckTotals | None = None,
    n_draws: int = 100,
    genes: Iterable[str] | None = None,
    cells: np.ndarray | None = None,
    groups: pd.Series | np.ndarray | None = None,
    seed: int = 0,
) -> Iterator[CheckProgress]:
    """Compare counts with replicates, yielding progress; to stop, cease pulling.

    ``"laplace"``: (z, lambda) of each cell from the Gaussian at its mode, residuals given those
    from their own posterior, then multinomial counts (LDA: proportions from the logistic-normal of
    the cell). ``"map"``: all of them at the mode, which understates rare genes and leaves out the
    uncertainty of a cell. ``"population"``: new cells from the fitted prior.

    The first two replicate the observed cells, given the same counts that they are compared with:
    p-values lie closer to 1/2 than uniform ones, so small ones are reliable. Those of the
    population check are uniform if the model and its parameters are true; only it finds misfits
    that each cell's own latents absorb, such as correlations that no factor carries. Parameters are
    held at their estimates throughout. Cells of a fit by ``inference="vae"`` (LNM) are replicated
    from their own posteriors too, not from its encoder's.

    Parameters
    ----------
    counts
        Genes matched by name; the cells of the fit or others.
    totals
        ``"observed"`` or ``"model"`` (LNMVCP: eta from its truncated Gaussian, or from its prior in
        a population check). By default ``"model"`` in a population check of a model that has
        totals, else ``"observed"``.
    genes
        Names of the genes in detail, at most 200; by default the 40 whose programmes show most in
        counts.
    cells
        (C,) mask or positions of the cells to check; all by default.
    groups
        (C,) labels of the cells, at most 50 different ones; each is checked on its own beside all
        cells. A missing label is no group.
    seed
        Seeds the generator of each cell, with the cell's position in ``counts``.

    Raises
    ------
    DataError
        If the counts lack genes of the fit, a gene is not modelled, masks or labels are of another
        length, or no cell has counts.
    ConfigError
        If a setting is out of range (20 to 2000 draws), or totals are asked of LDA.
    """
    settings = CheckSettings.for_fit(fit, mode, totals, n_draws, seed)
    detailed = detailed_genes(fit, genes)
    chosen, names, n_empty = cells_to_check(counts.matched(fit.genes, fit.gene_ids), cells, groups)
    plan = statistics.Plan(detailed, float(np.median(chosen.counts.totals)))
    return _steps(fit, chosen, names, settings, plan, n_empty)


def _steps(
    fit: AnyFit,
    cells: Cells,
    names: list[str],
    settings: CheckSettings,
    plan: statistics.Plan,
    n_empty: int,
) -> Generator[CheckProgress, None, None]:
    yield CheckProgress(0.0)
    steps = stream(fit, cells, settings, plan)
    while True:
        try:
            yield CheckProgress(next(steps))
        except StopIteration as end:
            sums, n_lost = end.value
            break
    whole = statistics.merged(sums)
    parts = [(ALL_CELLS, whole)]
    if names:
        # The last group has the cells without a label.
        parts += list(zip(_apart(names), sums[:-1], strict=True))
    notes = not_judged({name: part.n_cells for name, part in parts[1:]}, whole.n_cells)
    parts = [part for part in parts if part[1].n_cells > 1]
    check = _check(fit, parts, settings, plan, notes, (whole.n_cells, n_empty, n_lost))
    yield CheckProgress(1.0, check)


def _apart(labels: list[str]) -> list[str]:
    """Names of groups, made different from each other and from that of all cells."""
    names: list[str] = []
    for label in labels:
        name = label
        while name in (ALL_CELLS, *names):
            name += " (label)"
        names.append(name)
    return names


def _check(
    fit: AnyFit,
    parts: list[tuple[str, Sums]],
    settings: CheckSettings,
    plan: statistics.Plan,
    notes: list[str],
    numbers: tuple[int, int, int],
) -> PredictiveCheck:
    shown = fit.genes[plan.genes]
    made: dict[str, list[pd.DataFrame]] = {}
    words: list[str] = []
    for group, sums in parts:
        genes = check_tables.genes_table(sums, fit.genes, fit.is_gene)
        pairs = check_tables.pairs_table(sums, shown)
        moments = check_tables.totals_summary(sums)
        own = {
            "genes": genes,
            "pairs": pairs,
            "distributions": check_tables.distributions_table(sums, shown),
            "residuals": check_tables.residuals_table(sums, shown),
            "totals": check_tables.totals_table(sums),
            "total_statistics": moments,
        }
        subject = Subject(fit, settings, "" if group == ALL_CELLS else group)
        words += findings(genes, pairs, moments, subject)
        for name, table in own.items():
            if table is not None:
                table.insert(0, "group", group)
                made.setdefault(name, []).append(table)
    whole = {name: pd.concat(tables, ignore_index=True) for name, tables in made.items()}
    return PredictiveCheck(
        settings,
        fit.model,
        whole["genes"],
        whole["pairs"],
        whole["distributions"],
        whole["residuals"],
        whole.get("totals"),
        whole.get("total_statistics"),
        tuple(words),
        tuple(notes),
        *numbers,
    )
