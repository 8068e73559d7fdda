"""Fits whose parameters are the true ones of simulated counts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import anndata as ad
import numpy as np

import engine
from engine.data import Counts, simulate
from engine.lnm.totals import capture
from engine.results import AnyFit, Fit, Totals
from tests.engine.problems import unfitted


def draw(model: Any, **more: Any) -> ad.AnnData:
    arguments = {"cells": 300, "genes": 60, "factors": 2, "seed": 3, "mean_total": 400.0}
    arguments |= {"molecules": 1e4} if model == "lnmvcp" else {}
    return simulate(model, **{**arguments, **more})


def true_fit(adata: ad.AnnData, counts: Counts) -> Fit:
    """An LNM or LNMVCP with the parameters that the counts were drawn with."""
    made = adata.uns["simulation"]
    captured = made["model"] == "lnmvcp"
    config = engine.LNMConfig(
        capture=captured,
        capture_prior="population",
        n_factors=made["factors"],
        molecules=made["molecules"],
        capture_sd=made["capture_spread"],
    )
    order = adata.var_names.get_indexer(counts.genes)
    loadings = np.asarray(adata.varm["true_loadings"])[order]
    mean = adata.var["true_mean"].to_numpy()[order]
    location = np.log(made["molecules"] / made["mean_total"])
    totals = Totals(made["mean_total"], made["total_concentration"])
    if captured:
        totals = Totals(
            made["molecules"], made["total_concentration"], location, made["capture_spread"]
        )
    noise = adata.var["true_noise"].to_numpy()[order]
    fit = unfitted(counts, config, mean - mean.mean(), loadings - loadings.mean(0), noise)
    return replace(fit, totals=totals, capture=capture(counts, config, totals))


@cache
def simulated(model: str) -> tuple[AnyFit, Counts]:
    """Counts of 300 cells x 60 genes and a fit with their true parameters (LDA: a fitted one)."""
    adata = draw(model)
    counts = engine.read_counts(adata, genes="all")
    if model == "lda":
        return engine.fit(counts, engine.LDAConfig(n_topics=2)), counts
    return true_fit(adata, counts), counts
