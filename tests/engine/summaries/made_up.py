"""Fits out of nothing, and what they should give, written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import engine
from engine.results import OTHER, Fit, Status, Totals


def made(genes: int, factors: int, seed: int, *, pooled: bool = True, cells: int = 4) -> Fit:
    """A fit out of nothing, in the gauge that fits are kept in."""
    rng = np.random.default_rng(seed)
    names = [f"gene_{g}" for g in range(genes)]
    if pooled:
        names[-1] = OTHER
    loadings = rng.normal(size=(genes, factors))
    noise = rng.uniform(0.1, 1, genes)
    noise[-1] = 0
    return Fit(
        config=engine.LNMConfig(n_factors=factors),
        genes=pd.Index(names),
        cells=pd.Index([f"cell_{c}" for c in range(cells)]),
        reference=genes - 1,
        mean_clr=rng.normal(size=genes),
        loadings=loadings - loadings.mean(0),
        noise=noise,
        scores=rng.normal(size=(cells, factors)),
        scores_sd=np.ones((cells, factors)),
        log_marginal=-np.ones(cells),
        total_counts=np.ones(cells),
        totals=Totals(1.0, 1.0),
        capture=None,
        obs=pd.DataFrame(index=[f"cell_{c}" for c in range(cells)]),
        trace=pd.DataFrame(),
        status=Status("converged", "", 1, 1.0, 0.0, 0),
    )


def brute_force(fit: Fit) -> pd.DataFrame:
    """H Sigma_alr H', with every G x G matrix written out."""
    count = len(fit.genes)
    centring = np.eye(count) - np.ones((count, count)) / count
    sigma = fit.loadings @ fit.loadings.T + np.diag(fit.noise)
    return pd.DataFrame(centring @ sigma @ centring.T, index=fit.genes, columns=fit.genes)


fits = st.builds(
    made, st.integers(3, 12), st.integers(1, 4), st.integers(0, 2**32 - 1), pooled=st.booleans()
)
