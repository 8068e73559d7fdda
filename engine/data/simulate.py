"""Simulated counts with known truth, from the LNM, LNMVCP and LDA models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse, special

from engine.data.quiet import quiet
from engine.data.truths import KINDS, Size
from engine.errors import ConfigError
from engine.genes import OTHER

Model = Literal["lnm", "lnmvcp", "lda"]
SIMULATION_KEY = "simulation"
BLOCK_VALUES = 2**22


def simulate(
    model: Model = "lnm",
    *,
    cells: int = 2000,
    genes: int = 500,
    factors: int = 5,
    seed: int = 0,
    mean_total: float = 3000.0,
    counts_per_gene: float | None = None,
    total_concentration: float = 5.0,
    expression_spread: float = 1.5,
    loading_scale: float = 0.4,
    noise: float = 0.1,
    noise_spread: float = 0.5,
    molecules: float = 2e5,
    capture_spread: float = 0.5,
    proportion_concentration: float | None = None,
    topic_concentration: float | None = None,
) -> ad.AnnData:
    """Draw counts from a model whose parameters are kept beside them.

    LNM and LNMVCP: ``y_c = mu + W z_c + eps_c`` with ``z ~ N(0, I)``, ``eps ~ N(0, diag d)``,
    ``u_c ~ Multinomial(N_c, softmax(y_c))``. The last feature is the reference: its mean
    logit, loadings and noise are zero; it is named ``_other``, so that reading the counts
    picks it as reference. LDA: ``u_c ~ Multinomial(N_c, theta_c beta)``, Dirichlet both.

    Totals are ``NB(mean_total, total_concentration)``, at least 1. For LNMVCP
    ``N_c ~ NB(molecules * exp(-eta_c), total_concentration)`` with
    ``eta_c ~ TruncNormal(log(molecules / mean_total), capture_spread^2, low=0)``.

    Parameters
    ----------
    model
        "lnm", "lnmvcp" or "lda".
    cells, genes, factors
        Sizes C, G (the reference included) and k; for LDA k is the number of topics.
    seed
        Seed of ``numpy.random.default_rng``.
    mean_total
        Mean counts per cell.
    counts_per_gene
        Mean counts per cell and gene; sets ``mean_total`` to this times ``genes``.
    total_concentration
        r of the negative binomial: variance = mean + mean^2 / r.
    expression_spread
        Standard deviation of the genes' mean logits, nats.
    loading_scale
        Standard deviation of the loadings W, nats.
    noise, noise_spread
        Median of d and standard deviation of log d; ``noise=0`` is the low-rank model.
    molecules, capture_spread
        M_0 and standard deviation of eta, for LNMVCP.
    proportion_concentration, topic_concentration
        Symmetric Dirichlet parameters of LDA; 1/k by default.

    Returns
    -------
    AnnData
        CSR counts (C, G) with the truth. LNM: ``varm["true_loadings"]`` (G, k),
        ``var["true_mean"]``, ``var["true_noise"]``, ``obsm["true_scores"]`` (C, k), in ALR.
        LNMVCP also ``obs["true_eta"]``, ``obs["true_efficiency"]``. LDA:
        ``varm["true_topics"]`` (G, k), ``obsm["true_proportions"]`` (C, k),
        ``obs["true_topic"]`` (the largest). All: ``uns["simulation"]``, the arguments.

    Raises
    ------
    ConfigError
        If an argument is out of range.
    """
    arguments = {name: value for name, value in locals().items() if value is not None}
    _check(arguments)
    kind = next(kind for kind in KINDS if kind.model == model)
    rng = np.random.default_rng(seed)
    mean = mean_total if counts_per_gene is None else counts_per_gene * genes
    eta: np.ndarray | None = None
    if kind.captures:
        location = max(np.log(molecules / mean), 0.0)
        below = special.ndtr(-location / capture_spread)
        quantiles = below + (1 - below) * rng.random(cells)
        eta = location + capture_spread * special.ndtri(quantiles)
        totals = _totals(rng, molecules * np.exp(-eta), total_concentration)
    else:
        totals = _totals(rng, np.full(cells, mean), total_concentration)
    size = Size(cells, genes, factors)
    own = inspect.signature(kind.draw).parameters
    truth = kind.draw(
        rng, size, **{name: value for name, value in arguments.items() if name in own}
    )
    obs = pd.DataFrame(index=[f"cell_{c + 1}" for c in range(cells)]).assign(**truth.obs)
    var = pd.DataFrame(index=_gene_names(genes, pooled_last=truth.pooled_last)).assign(**truth.var)
    if eta is not None:
        obs["true_eta"] = eta
        obs["true_efficiency"] = np.exp(-eta)
    counts = _draw(rng, totals, genes, truth.composition)
    with quiet():
        adata = ad.AnnData(X=counts, obs=obs, var=var, uns={SIMULATION_KEY: arguments})
    for name, array in truth.cells.items():
        adata.obsm[name] = array
    for name, array in truth.genes.items():
        adata.varm[name] = array
    return adata


def true_clr_correlation(adata: ad.AnnData) -> pd.DataFrame:
    """Correlation of the CLR coordinates under the parameters that `simulate` kept.

    ``Sigma_clr = H (W W' + diag d) H`` with ``H = I - 11'/G``, the reference included.

    Returns
    -------
    DataFrame
        Genes x genes, without the pooled feature.

    Raises
    ------
    ConfigError
        If the counts were not simulated by LNM or LNMVCP.
    """
    if "true_loadings" not in adata.varm:
        raise ConfigError(
            "counts simulated by LNM or LNMVCP",
            "no varm['true_loadings']",
            "Simulate with model='lnm' or 'lnmvcp'.",
        )
    loadings = np.asarray(adata.varm["true_loadings"])
    noise = adata.var["true_noise"].to_numpy()
    loadings = loadings - loadings.mean(axis=0)
    count = len(noise)
    covariance = loadings @ loadings.T + np.diag(noise)
    covariance += noise.sum() / count**2 - (noise[:, None] + noise) / count
    scale = np.sqrt(np.diag(covariance))
    table = pd.DataFrame(
        covariance / np.outer(scale, scale), index=adata.var_names, columns=adata.var_names
    )
    real = adata.var_names != OTHER
    return table.loc[real, real]


def _totals(rng: np.random.Generator, mean: np.ndarray, concentration: float) -> np.ndarray:
    rates = rng.gamma(concentration, mean / concentration)
    return np.maximum(rng.poisson(rates), 1)


def _draw(
    rng: np.random.Generator,
    totals: np.ndarray,
    genes: int,
    composition: Callable[[int, int], np.ndarray],
) -> sparse.csr_matrix:
    step = max(1, BLOCK_VALUES // genes)
    parts = []
    for start in range(0, len(totals), step):
        stop = min(start + step, len(totals))
        weights = composition(start, stop)
        # Slightly under one: rounding must not push the partial sums above it.
        weights *= (1 - 1e-12) / weights.sum(axis=1, keepdims=True)
        drawn = rng.multinomial(totals[start:stop], weights)
        parts.append(sparse.csr_matrix(drawn.astype(np.int32)))
    return sparse.csr_matrix(sparse.vstack(parts, format="csr"))


def _gene_names(genes: int, *, pooled_last: bool) -> list[str]:
    names = [f"gene_{g + 1}" for g in range(genes)]
    if pooled_last:
        names[-1] = OTHER
    return names


def _check(arguments: dict[str, Any]) -> None:
    if arguments["model"] not in get_args(Model):
        raise ConfigError(
            f"a model among {', '.join(get_args(Model))}",
            repr(arguments["model"]),
            "Choose one of them.",
        )
    for name, low in (("cells", 1), ("genes", 2), ("factors", 1), ("seed", 0)):
        value = arguments[name]
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < low:
            raise ConfigError(
                f"{name} to be a whole number of at least {low}", repr(value), f"Change {name}."
            )
    for name, value in arguments.items():
        if name in ("model", "cells", "genes", "factors", "seed"):
            continue
        zero_allowed = name in ("noise", "noise_spread", "expression_spread", "loading_scale")
        if not (np.isfinite(value) and (value > 0 or (zero_allowed and value == 0))):
            low_text = "zero or more" if zero_allowed else "above zero"
            raise ConfigError(
                f"{name} to be a finite number, {low_text}", repr(value), f"Change {name}."
            )
