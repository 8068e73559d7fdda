"""Genes whose residual variance is cut at the largest that the model admits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.lnm.residual import NARROW
from engine.lnm.wide_residual import WIDE, admitting
from engine.results import AnyFit, TopicFit

# Share of the bound from which a gene sits at it.
_NEAR = 0.999
_NAMED = 10
# What to make of a gene at the bound.
BOUND_MEANS = (
    "Such a gene varies more between cells than the model can describe: a rare gene, doublets, or "
    "huge counts in a few cells. Do not rely on its correlations: they are too small in size if "
    "few cells have huge counts, too large if the gene does vary more. Look at its counts."
)


class Bounded(NamedTuple):
    """Genes at the bound: their names, the number of genes that have a residual, the bound."""

    genes: pd.Index
    n_genes: int
    bound: float


def genes_at_bound(fit: AnyFit) -> Bounded:
    """The real genes whose residual variance d is within 0.1 % of the largest admitted.

    None of topics, which have no residuals.

    The bound is 3 of an encoder, 10 of NUTS, and either of nested Laplace, which goes on to 10
    where many genes reach 3.
    """
    if isinstance(fit, TopicFit):
        return Bounded(fit.genes[:0], 0, np.inf)
    integral = {"vae": NARROW, "nuts": WIDE}.get(fit.config.inference) or admitting(fit.noise)
    own = fit.is_gene & (fit.config.d_mode == "learned")
    own[fit.reference] &= fit.n_factors == 0
    held = own & (fit.noise >= _NEAR * integral.max_noise)
    return Bounded(fit.genes[held], int(np.count_nonzero(own)), integral.max_noise)


def bound_words(fit: AnyFit) -> str:
    """How many genes are at the bound, which, and what it means; "" if there are none."""
    genes, n_genes, bound = genes_at_bound(fit)
    if not len(genes):
        return ""
    named = ", ".join(map(str, genes[:_NAMED]))
    if len(genes) > _NAMED:
        named += f" and {len(genes) - _NAMED:,} more"
    one = len(genes) == 1
    return (
        f"{len(genes):,} of {n_genes:,} genes {'has' if one else 'have'} the largest residual "
        f"variance that the model admits (d = {bound:g}): {named}. {BOUND_MEANS}"
    )
