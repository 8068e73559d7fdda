"""Time the passes of a log-ratio fit: ``python -m benchmarks.passes [--cells N] [--fit]``.

Processor seconds beside those of the wall: the first hardly mind what else the machine does. Each
pass begins at the modes of the last and finds every parameter moved by about as much as a step
of a fit moves it. With ``--fit`` the counts are fitted as well.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import anndata as ad
import numpy as np

import engine
from engine.data import Counts, simulate
from engine.lnm import equations
from engine.lnm.passes import Passes, result_of
from engine.lnm.residual import LOG_NO_NOISE

MOVE = 0.05


class Seconds(NamedTuple):
    processor: float
    wall: float

    @classmethod
    def now(cls) -> Seconds:
        return cls(time.process_time(), time.perf_counter())

    def since(self, start: Seconds) -> Seconds:
        return Seconds(self.processor - start.processor, self.wall - start.wall)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.passes", description=__doc__)
    parser.add_argument("--cells", type=int, default=5_000)
    parser.add_argument("--genes", type=int, default=2_000)
    parser.add_argument("--factors", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--fit", action="store_true", help="fit them too")
    arguments = parser.parse_args()
    print("| cells | factors | what | processor s | wall s | processor ns a count |")
    print("| --- | --- | --- | --- | --- | --- |")
    for factors in arguments.factors:
        adata = simulate("lnm", cells=arguments.cells, genes=arguments.genes, factors=factors)
        counts = engine.read_counts(adata, genes="all")
        where = f"| {counts.n_cells:,} | {factors} |"
        size = counts.n_cells * counts.n_genes
        took = passes(counts, true_params(adata), arguments.passes)
        print(f"{where} a pass | {took.processor:.2f} | {took.wall:.2f} ", end="")
        print(f"| {took.processor / size * 1e9:.1f} |", flush=True)
        if arguments.fit:
            start = Seconds.now()
            fit = engine.fit(counts, engine.LNMConfig(n_factors=factors))
            took = Seconds.now().since(start)
            what = (
                f"fit of {fit.status.passes} passes, compiling {fit.status.seconds_compiling:.1f} s"
            )
            print(f"{where} {what} | {took.processor:.1f} | {took.wall:.1f} | |", flush=True)


def true_params(adata: ad.AnnData) -> equations.Params:
    noise = adata.var["true_noise"].to_numpy()
    log_noise = np.log(np.maximum(noise, np.exp(LOG_NO_NOISE)))
    return equations.Params(
        adata.var["true_mean"].to_numpy(), adata.varm["true_loadings"], log_noise
    )


def passes(counts: Counts, params: equations.Params, count: int) -> Seconds:
    """The quickest of so many, after a cold one."""
    rng = np.random.default_rng(0)
    width = params.loadings.shape[1]
    running = Passes(counts, width, "float32")
    took = []
    for _ in range(count + 1):
        moved = equations.Params(
            params.mean + MOVE * rng.standard_normal(params.mean.shape),
            params.loadings + MOVE * rng.standard_normal(params.loadings.shape),
            params.log_noise,
        )
        start = Seconds.now()
        result_of(running.run(moved, np.eye(width), np.zeros((width, width))))
        took.append(Seconds.now().since(start))
    return min(took[1:])


if __name__ == "__main__":
    main()
