"""The command ``python -m engine uncertainty``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd
from tqdm import tqdm

from engine.shell.click_command import ShellCommand
from engine.shell.common import first_ctrl_c_stops, writable
from engine.shell.counts_arguments import fitted, of_its_cells

if TYPE_CHECKING:
    from engine.checks import TopicUncertainty, Uncertainty
    from engine.data import Counts
    from engine.results import AnyFit

_GENES, _TOP, _SHOWN = 40, 20, 10
_BY = {"delta": "the delta method", "draws": "the draws of the posterior"}


@click.command(cls=ShellCommand)
@of_its_cells
@click.option(
    "--genes", help="names, with commas; by default those that vary most, or lead a topic"
)
@click.option(
    "--method",
    type=click.Choice(["delta", "bootstrap"]),
    help="bootstrap for topics, else delta, or draws of NUTS",
)
@click.option("--n-boot", type=int, default=50, help="replicates of the bootstrap")
@click.option("--seed", type=int, default=0, help="seed of the weights of the bootstrap")
@click.option(
    "--out", type=Path, required=True, metavar="TABLE.csv", help="where to save the table"
)
def uncertainty(
    path: Path,
    data: str | None,
    genes: str | None,
    method: str | None,
    n_boot: int,
    seed: int,
    out: Path,
    **values: Any,
) -> None:
    """Compute the uncertainty of correlations or topics."""
    out = writable(out, source=data)

    from engine.checks import pairs_table
    from engine.results import load
    from engine.spreadsheet import write_csv
    from engine.summaries import top_variance_genes, with_ids
    from engine.summaries.positions import gene_positions

    fit = load(path)
    positions = None
    if genes is not None:
        positions = gene_positions(fit, [name.strip() for name in genes.split(",")])
    counts = fitted(fit, path, data, values)
    if not fit.can("pair_uncertainty"):
        topics: TopicUncertainty = _run(fit, counts, method or "bootstrap", n_boot, seed)
        table, by = of_topics(fit, topics, positions), f"{topics.n_boot} replicates"
    else:
        if positions is None:
            positions = gene_positions(fit, top_variance_genes(fit, _GENES))
        pairs: Uncertainty = _run(fit, counts, method or "delta", n_boot, seed)
        table = pairs_table(fit, pairs, positions)
        by = _BY.get(pairs.method) or f"{pairs.n_boot} replicates"
        if pairs.structure is not None and pairs.structure.words:
            print(f"Warning: {pairs.structure.words}", file=sys.stderr)
    write_csv(with_ids(table, fit), out)
    print(f"Saved {out}: {len(table):,} rows, by {by}", file=sys.stderr)
    print(table.head(_SHOWN).to_string(index=False, float_format="{:.3g}".format))


def _run(fit: AnyFit, counts: Counts, method: str, n_boot: int, seed: int) -> Any:
    from engine.jobs.uncertainties import steps

    result = None
    form = "uncertainty {percentage:3.0f}%|{bar}| {elapsed}"
    with (
        first_ctrl_c_stops(b"Stopping. Ctrl-C again to quit without a table.") as stopping,
        tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar,
    ):
        for step in steps(fit, counts, method, n_boot, seed):
            bar.update(max(step.fraction - bar.n, 0.0))
            result = step.uncertainty or result
            if stopping:
                break
    if result is None:
        raise KeyboardInterrupt
    return result


def of_topics(fit: AnyFit, result: TopicUncertainty, genes: np.ndarray | None) -> pd.DataFrame:
    """One row per topic and gene: the given genes, or the likeliest of a topic, likeliest first."""
    spread, share = result.topics(), result.among_top(_TOP)
    topics, parts = fit.programmes(), []
    for topic, name in enumerate(fit.factor_names):
        order = np.argsort(-np.where(fit.is_gene, topics[:, topic], -1), kind="stable")
        own = order[:_TOP] if genes is None else order[np.isin(order, genes)]
        parts.append(
            pd.DataFrame(
                {
                    "topic": name,
                    "gene": fit.genes[own],
                    "probability": topics[own, topic],
                    "low_90": spread.low[own, topic],
                    "high_90": spread.high[own, topic],
                    f"share_in_top_{_TOP}": share[own, topic],
                    "lfsr": result.lfsr(fit, topic)[own],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
