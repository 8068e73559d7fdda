"""Hold a Laplace fit to exact draws: ``python -m benchmarks.nuts [--cells 150 --genes 30 ...]``.

LNMVCP on simulated counts, fitted by ``inference="laplace"`` and by ``"nuts"`` with the same
priors. "diff." is the mean over cells or pairs of genes of the absolute difference of the two
estimates, "in posterior sd" divided by NUTS' standard deviation; "sd ratio" is the median of
Laplace's standard deviation over NUTS', below 1 where Laplace is too sure (its parameters are held
at their mode).
"""

from __future__ import annotations

import argparse
import os

import numpy as np

import engine
from engine.data import simulate, true_clr_correlation
from engine.lnm.config import LNMConfig
from engine.summaries import clr_correlation, clr_correlation_interval


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nuts", description=__doc__)
    default = LNMConfig()
    for name, value in (
        ("cells", 150),
        ("genes", 30),
        ("factors", 2),
        ("warmup", default.n_warmup),
        ("draws", default.n_draws),
        ("chains", default.n_chains),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    adata = simulate(
        "lnmvcp",
        cells=asked.cells,
        genes=asked.genes,
        factors=asked.factors,
        seed=asked.seed,
        counts_per_gene=20.0,
    )
    counts = engine.read_counts(adata, genes="all")
    laplace = engine.fit(counts, LNMConfig(capture=True, n_factors=asked.factors))
    config = LNMConfig(
        capture=True,
        n_factors=asked.factors,
        inference="nuts",
        n_warmup=asked.warmup,
        n_draws=asked.draws,
        n_chains=asked.chains,
    )
    *_, last = engine.fit_iter(counts, config, start=laplace)
    assert last.snapshot is not None
    nuts = last.snapshot()
    assert isinstance(nuts, engine.Fit)
    assert nuts.capture is not None
    assert laplace.capture is not None

    print(f"{asked.cells:,} cells x {asked.genes:,} genes, {asked.factors} factors")
    for name, fit in (("laplace", laplace), ("nuts", nuts)):
        status = fit.status
        print(
            f"{name}: {status.seconds:.1f} s, {status.seconds_compiling:.1f} of it compiling, "
            f"{fit.log_marginal_per_cell:.3f} nats per cell: {status.reason}"
        )
    for group, judged in nuts.diagnostics["quantities"].items():
        print(f"  {group}: R-hat {judged['worst_rhat']:.4f}, ESS {judged['least_ess']:.0f}")
    print("diff. in posterior sd, sd ratio")
    for name, ours, ours_sd, exact, exact_sd in (
        ("z", laplace.scores, laplace.scores_sd, nuts.scores, nuts.scores_sd),
        (
            "eta",
            laplace.capture.eta,
            laplace.capture.eta_sd,
            nuts.capture.eta,
            nuts.capture.eta_sd,
        ),
    ):
        away = np.abs(ours - exact) / exact_sd
        print(f"  {name}: {away.mean():.3f}, {np.median(ours_sd / exact_sd):.3f}")
    real = laplace.genes[laplace.is_gene]
    pairs = np.triu_indices(len(real), 1)
    found = clr_correlation_interval(nuts, real)
    by_laplace = clr_correlation(laplace).to_numpy()[pairs]
    truth = true_clr_correlation(adata).loc[real, real].to_numpy()[pairs]
    mean = found["mean"].to_numpy()
    inside = (truth > found["lower"]) & (truth < found["upper"])
    print(
        f"CLR correlations of {len(mean)} pairs: Laplace less the posterior mean diff. "
        f"{np.abs(by_laplace - mean).mean():.4f}, largest {np.abs(by_laplace - mean).max():.4f}; "
        f"r with the truth {np.corrcoef(by_laplace, truth)[0, 1]:.4f} by Laplace, "
        f"{np.corrcoef(mean, truth)[0, 1]:.4f} by NUTS; truth inside the 90 % intervals of "
        f"{100 * inside.mean():.0f} %"
    )
    noisy = laplace.noise > 0
    ratio = np.log(laplace.noise[noisy] / nuts.noise[noisy])
    print(f"log d: Laplace less NUTS {ratio.mean():+.3f} on average")
    load = os.getloadavg()
    print(f"load of the machine at the end: {load[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
