"""Made-up counts, fits and runs, for tests that need them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.data import Counts
from engine.fitting.progress import Progress
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.registry import Config
from engine.results import OTHER, AnyFit, Capture, Fit, Status, TopicFit, Totals


def make_fit(
    cells: int = 300,
    genes: int = 60,
    factors: int = 5,
    *,
    seed: int = 0,
    state: str = "converged",
    capture: bool = True,
    passes: int = 12,
    labels: tuple[str, ...] = ("B cell", "T cell", "monocyte"),
) -> Fit:
    """Clustered scores, random loadings of falling size, one label column."""
    rng = np.random.default_rng(seed)
    label = rng.integers(len(labels), size=cells)
    centres = rng.normal(size=(len(labels), factors)) * 1.5
    scores = centres[label] + 0.5 * rng.normal(size=(cells, factors))
    loadings = rng.normal(size=(genes + 1, factors)) * np.linspace(1, 0.3, factors)
    loadings -= loadings.mean(0)
    noise = np.append(rng.uniform(0.05, 0.3, genes), 0.0)
    totals = rng.integers(500, 5000, cells).astype(float)
    efficiency = np.clip(totals / 2e4, 0, 1)
    trace = pd.DataFrame(
        {
            "pass": np.arange(1, passes + 1),
            "seconds": np.arange(1.0, passes + 1),
            "log_marginal_per_cell": -1000 - 50 * np.exp(-np.arange(passes) / 3),
            "gradient_median": 0.01,
            "gradient_worst": 0.1,
            "n_failed_cells": 0,
        }
    )
    return Fit(
        config=LNMConfig(capture=capture, n_factors=factors),
        genes=pd.Index([*(f"GENE{j}" for j in range(genes)), OTHER]),
        cells=pd.Index([f"cell{c}" for c in range(cells)]),
        reference=genes,
        mean_clr=rng.normal(size=genes + 1),
        loadings=loadings,
        noise=noise,
        scores=scores,
        scores_sd=np.full_like(scores, 0.1),
        log_marginal=rng.normal(-1000, 50, cells),
        total_counts=totals,
        totals=Totals(mean=2e5, concentration=3.0),
        capture=Capture(
            eta=-np.log(efficiency),
            eta_sd=np.full(cells, 0.1),
            efficiency=efficiency,
            efficiency_sd=np.full(cells, 0.01),
        )
        if capture
        else None,
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical.from_codes(label, categories=list(labels))},
            index=pd.Index([f"cell{c}" for c in range(cells)]),
        ),
        trace=trace,
        status=Status(state, "synthetic", passes, 3.0, 1.0, 0),  # type: ignore[arg-type]
        data={"name": "synthetic"},
    )


def at_bound(fit: Fit, *genes: str) -> Fit:
    """The fit with the residual variances of these genes at their upper limit."""
    return replace(fit, noise=np.where(fit.genes.isin(genes), 3.0, fit.noise))


def make_topic_fit(
    cells: int = 300, genes: int = 60, topics: int = 5, *, seed: int = 0, passes: int = 12
) -> TopicFit:
    """Cells that are mostly of one topic, topics that share few genes, one label column."""
    rng = np.random.default_rng(seed)
    proportions = rng.dirichlet(np.full(topics, 0.3), cells).astype(np.float32)
    beta = rng.dirichlet(np.full(genes + 1, 0.2), topics).T.astype(np.float32) + np.float32(1e-6)
    beta /= beta.sum(0)
    names = pd.Index([f"cell{c}" for c in range(cells)])
    label = np.array([f"mostly {k + 1}" for k in proportions.argmax(1)])
    zeros = np.zeros_like(proportions)
    return TopicFit(
        config=LDAConfig(n_topics=topics),
        genes=pd.Index([*(f"GENE{j}" for j in range(genes)), OTHER]),
        cells=names,
        topics=beta,
        topic_location=np.log(beta),
        topic_scale=np.zeros_like(beta),
        proportions=proportions,
        location=np.log(np.maximum(proportions, 1e-12)),
        scale=zeros,
        bound=rng.normal(-1000, 50, cells),
        total_counts=rng.integers(500, 5000, cells).astype(float),
        obs=pd.DataFrame({"cell_type": pd.Categorical(label)}, index=names),
        trace=pd.DataFrame({"pass": [passes], "seconds": [1.0], "log_marginal_per_cell": [-1e3]}),
        status=Status("converged", "synthetic", passes, 3.0, 1.0, 0),
        data={"name": "synthetic"},
    )


def make_counts(cells: int = 40, genes: int = 12) -> Counts:
    """Poisson counts with one label column."""
    rng = np.random.default_rng(0)
    return Counts.from_arrays(
        rng.poisson(3.0, (cells, genes + 1)) + 1,
        [*(f"GENE{j}" for j in range(genes)), OTHER],
        [f"cell{c}" for c in range(cells)],
        obs=pd.DataFrame({"cell_type": np.where(np.arange(cells) % 2, "a", "b")}),
        name="made up",
    )


def make_any_fit(counts: Counts, config: Config, step: int, state: str) -> AnyFit:
    """What a pass over the counts might give."""
    # What would be chosen.
    size = counts.n_cells, counts.n_genes - 1, 3 if config.automatic else config.size
    if isinstance(config, LDAConfig):
        fit = make_topic_fit(*size, seed=step, passes=step)
        return replace(fit, status=replace(fit.status, state=state))  # type: ignore[arg-type]
    made = make_fit(*size, seed=step, capture=config.capture, state=state, passes=step)
    if made.cells.equals(counts.cells):
        return made
    own = {"obs": made.obs.set_axis(counts.cells), "total_counts": counts.totals}
    return made.changed(cells=counts.cells, **own)


class Steps:
    """Holds scripted fits back until a test lets them go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.passes = 4


def scripted_fits(steps: Steps) -> Callable[..., Iterator[Progress]]:
    """A fit_iter whose first pass comes at once and the others when ``steps.go_on`` is set."""

    def fit_iter(
        counts: Counts, config: Config, *, start: AnyFit | None = None
    ) -> Iterator[Progress]:
        for step in range(1, steps.passes + 1):
            last = step == steps.passes
            fit = make_any_fit(counts, config, step, "converged" if last else "running")
            yield Progress(
                fit.status,
                "finishing" if last else "fitting",
                step / steps.passes,
                None,
                -1000.0 + step,
                0.01,
                0.1,
                lambda fit=fit: fit,  # type: ignore[misc]
            )
            # The worker of the jobs pulls the generator, never the test.
            while not steps.go_on.wait(0.01):
                yield Progress(
                    fit.status, "fitting", step / steps.passes, None, -1000.0 + step, 0, 0, None
                )

    return fit_iter
