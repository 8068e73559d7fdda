"""Sums of observed and replicated counts -> tidy tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import beta

from engine.checks.predictive.check_settings import FEWEST_CELLS
from engine.checks.predictive.count_sums import Sums
from engine.checks.predictive.discrepancies import DISCREPANCIES
from engine.checks.predictive.discrepancy import spread
from engine.checks.predictive.significance import false_discovery, two_sided_p
from engine.checks.predictive.statistics import COUNT_EDGES, PIT_BINS, TOTAL_EDGES

BANDS = {"low_90": 0.05, "low_50": 0.25, "high_50": 0.75, "high_90": 0.95}
Array = np.ndarray


def genes_table(sums: Sums, names: pd.Index, real: Array) -> pd.DataFrame:
    """One row a gene and discrepancy, worst first; see `PredictiveCheck.genes`."""
    parts = []
    for name, discrepancy in DISCREPANCIES.items():
        values = discrepancy.value(sums)
        judged, grain = discrepancy.scale(values), discrepancy.grain(sums, values)
        p = two_sided_p(judged[0], judged[1:], np.broadcast_to(grain, judged.shape[1:]))
        part = _with_bands(values, {"gene": names, "discrepancy": name})[real]
        parts.append(part.assign(p_value=p[real], q_value=false_discovery(p[real])))
    return _worst_first(pd.concat(parts, ignore_index=True))


def pairs_table(sums: Sums, names: pd.Index) -> pd.DataFrame:
    """One row a pair of the genes in detail: correlations, worst first; see `FEWEST_CELLS`."""
    one, other = np.triu_indices(len(names), 1)
    mean = sums.level / sums.n_cells
    covariance = sums.product / sums.n_cells - mean[:, :, None] * mean[:, None, :]
    deviation = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    scale = (deviation[:, :, None] * deviation[:, None, :])[:, one, other]
    pairs = covariance[:, one, other]
    values = np.divide(pairs, scale, out=np.zeros_like(pairs), where=scale > 1e-12)
    p = q = np.full(len(one), np.nan)
    if sums.n_cells >= FEWEST_CELLS:
        judged = np.arctanh(np.clip(values, -0.999999, 0.999999))
        p = two_sided_p(judged[0], judged[1:])
        q = false_discovery(p)
    table = _with_bands(values, {"gene": names[one], "other": names[other]})
    return _worst_first(table.assign(p_value=p, q_value=q))


def distributions_table(sums: Sums, names: pd.Index) -> pd.DataFrame:
    """Cells by their counts of each gene in detail; empty bins above all counts are left out."""
    parts = [_histogram(sums.histogram[:, j], COUNT_EDGES, name) for j, name in enumerate(names)]
    return pd.concat(parts, ignore_index=True)


def totals_table(sums: Sums) -> pd.DataFrame | None:
    """Cells by their total counts; None where the model has none."""
    if sums.total_histogram.shape[1] == 0:
        return None
    table = _histogram(sums.total_histogram, TOTAL_EDGES, "total")
    nonempty = np.flatnonzero((table["observed"] > 0) | (table["high_90"] > 0))
    return table.iloc[nonempty[0] :].reset_index(drop=True).drop(columns="gene")


def totals_summary(sums: Sums) -> pd.DataFrame | None:
    """Mean and standard deviation of the log of the total counts; None where there are none."""
    if sums.total_histogram.shape[1] == 0:
        return None
    n = sums.n_cells
    values = np.column_stack(
        [
            sums.log_total / n,
            np.sqrt(spread(sums.log_total_square, sums.log_total, n)),
        ]
    )
    names = pd.Index(["mean of log total", "sd of log total"])
    return _with_bands(values, {"statistic": names}).assign(
        p_value=two_sided_p(values[0], values[1:])
    )


def residuals_table(sums: Sums, names: pd.Index) -> pd.DataFrame:
    """Q-Q data of randomised quantile residuals of the genes in detail.

    At every level j / bins: the normal quantile (``theoretical``), the residuals' (``observed``),
    and the range of 90 % of those of as many independent normal numbers (``low``, ``high``).
    """
    level = np.arange(1, PIT_BINS) / PIT_BINS
    n = sums.n_cells
    # Quantile j of n uniform numbers is Beta(n level, n (1 - level)) or near it.
    low, high = (beta.ppf(q, n * level + 0.5, n * (1 - level) + 0.5) for q in (0.05, 0.95))
    edges = np.arange(PIT_BINS + 1) / PIT_BINS
    theoretical = ndtri(level)
    parts = []
    for name, counts in zip(names, sums.pit, strict=True):
        reached = np.concatenate([[0.0], np.cumsum(counts)]) / n
        # The least rank at which that share is reached; strictly rising for the interpolation.
        rising = reached + 1e-12 * np.arange(PIT_BINS + 1)
        quantiles = np.interp(level, rising, edges)
        parts.append(
            pd.DataFrame(
                {
                    "gene": name,
                    "theoretical": theoretical,
                    "observed": ndtri(np.clip(quantiles, 1e-6, 1 - 1e-6)),
                    "low": ndtri(low),
                    "high": ndtri(high),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _with_bands(values: Array, labels: dict[str, object]) -> pd.DataFrame:
    """Observed (the first row), mean of the draws and their quantiles."""
    bands = np.quantile(values[1:], list(BANDS.values()), axis=0)
    return pd.DataFrame(
        {
            **labels,
            "observed": values[0],
            "predicted": values[1:].mean(0),
            **dict(zip(BANDS, bands, strict=True)),
        }
    )


def _histogram(counts: Array, edges: Array, name: str) -> pd.DataFrame:
    """(R, bins) -> one row a bin, with the share of the cells up to its end."""
    used = np.flatnonzero(counts.sum(0))
    stop = used[-1] + 1 if len(used) else 1
    counts = counts[:, :stop]
    cumulative = np.cumsum(counts, axis=1)
    cumulative = cumulative / np.maximum(cumulative[:, -1:], 1)
    table = _with_bands(counts, {"gene": name, "low": edges[:stop], "high": edges[1 : stop + 1]})
    shares = _with_bands(cumulative, {}).add_prefix("ecdf_")
    return pd.concat([table, shares], axis=1)


def _worst_first(table: pd.DataFrame) -> pd.DataFrame:
    far = (table["observed"] - table["predicted"]).abs()
    order = np.lexsort([-far, table["p_value"], table["q_value"]])
    return table.iloc[order].reset_index(drop=True)
