"""Fits of topics out of nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import engine
from engine.results import OTHER, Status, TopicFit


def made_topics(
    features: int,
    topics: int,
    seed: int,
    *,
    cells: int = 30,
    pooled: bool = True,
    sparse: bool = False,
    labels: tuple[str, ...] = ("a", "b", "c"),
) -> TopicFit:
    """Dirichlet draws; ``sparse`` has probabilities and proportions of exactly zero."""
    rng = np.random.default_rng(seed)
    names = [f"gene_{g}" for g in range(features)]
    if pooled:
        names[-1] = OTHER
    beta = rng.dirichlet(np.full(features, 0.3), topics).T
    theta = rng.dirichlet(np.full(topics, 0.5), cells)
    if sparse:
        beta[beta < 0.5 / features] = 0
        theta[theta < 0.1] = 0
    beta, theta = beta / beta.sum(0), theta / theta.sum(1, keepdims=True)
    index = [f"cell_{c}" for c in range(cells)]
    label = pd.Categorical.from_codes(rng.integers(-1, len(labels), cells), list(labels))
    obs = pd.DataFrame({"label": label, "depth": rng.normal(size=cells)}, index=index)
    return TopicFit(
        config=engine.LDAConfig(n_topics=topics),
        genes=pd.Index(names),
        cells=pd.Index(index),
        topics=beta,
        topic_location=np.log(np.maximum(beta, 1e-30)),
        topic_scale=np.zeros_like(beta),
        proportions=theta,
        location=np.log(np.maximum(theta, 1e-30)),
        scale=np.zeros_like(theta),
        bound=-np.ones(cells),
        total_counts=rng.integers(100, 5000, cells).astype(float),
        obs=obs,
        trace=pd.DataFrame(),
        status=Status("converged", "", 1, 1.0, 0.0, 0),
    )


topic_fits = st.builds(
    made_topics,
    st.integers(3, 12),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    cells=st.integers(3, 40),
    pooled=st.booleans(),
    sparse=st.booleans(),
)
