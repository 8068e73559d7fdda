"""Power beside other tests: part of ``python -m benchmarks.calibration groups``."""

from __future__ import annotations

import argparse

import anndata as ad
import numpy as np
import pandas as pd
from scipy import stats

import engine
from benchmarks.calibration_drawn import CONFIG, Drawn, draw
from engine.results import Fit


def power(arguments: argparse.Namespace) -> None:
    """20 % of the genes shifted by N(0, 0.5^2): areas under the curve by |t|, z or score."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for seed in range(arguments.grouped):
        for depth in (1.0, 3.0):
            data = draw(np.random.default_rng(seed), 200, changes=0.2, effect=0.5, depth=depth)
            fit = engine.fit(data.counts, CONFIG)
            pair = _area(_ours(fit, data, None), data), _area(_wilcoxon(data), data)
            rows.setdefault(f"200 cells, depth 1:{depth:g} | Wilcoxon", []).append(pair)
            data = draw(
                np.random.default_rng(seed),
                640,
                changes=0.2,
                donors=8,
                nested=True,
                of_donors=0.3,
                depth=depth,
            )
            fit = engine.fit(data.counts, CONFIG)
            pair = _area(_ours(fit, data, "donor"), data), _area(_pseudobulk(data), data)
            rows.setdefault(f"8 donors, depth 1:{depth:g} | pseudobulk t", []).append(pair)
    print("| data | other | sets | ours | other | difference |\n" + f"|{' --- |' * 6}")
    for name, values in sorted(rows.items()):
        ours, other = np.array(values).T
        error = (ours - other).std(ddof=1) / np.sqrt(len(ours))
        print(
            f"| {name} | {len(ours)} | {ours.mean():.3f} | {other.mean():.3f} | "
            f"{(ours - other).mean():+.3f} ± {error:.3f} |",
            flush=True,
        )


def _area(score: np.ndarray, data: Drawn) -> float:
    """Share of the pairs of a gene that changes and one that does not that are in order."""
    true = data.effects != 0
    ranks = stats.rankdata(score)
    n = int(true.sum())
    return float((ranks[true].sum() - n * (n + 1) / 2) / (n * (len(true) - n)))


def _ours(fit: Fit, data: Drawn, donor: str | None) -> np.ndarray:
    found = engine.differences(fit, data.counts, data.mask, donor=donor, least_detection=0).genes
    found = found.set_index("gene").loc[list(data.counts.genes)]
    return np.asarray(np.abs(found["difference"]) / found["standard_error"])


def _wilcoxon(data: Drawn) -> np.ndarray:
    import scanpy as sc

    cells = ad.AnnData(data.counts.block(0, data.counts.n_cells), obs=data.counts.obs.copy())
    cells.var_names = data.counts.genes
    sc.pp.normalize_total(cells)
    sc.pp.log1p(cells)
    cells.obs["b"] = cells.obs["b"].astype("category")
    sc.tl.rank_genes_groups(cells, "b", groups=["yes"], method="wilcoxon")
    found = sc.get.rank_genes_groups_df(cells, "yes").set_index("names")
    return np.abs(found.loc[list(data.counts.genes), "scores"].to_numpy())


def _pseudobulk(data: Drawn) -> np.ndarray:
    sums = pd.DataFrame(data.counts.block(0, data.counts.n_cells)).groupby(
        data.counts.obs["donor"].to_numpy()
    )
    bulk = sums.sum()
    logs = np.log1p(1e4 * bulk.to_numpy() / bulk.to_numpy().sum(1, keepdims=True))
    ill = data.counts.obs.groupby("donor")["b"].first().loc[bulk.index] == "yes"
    return np.abs(stats.ttest_ind(logs[ill], logs[~ill]).statistic)
