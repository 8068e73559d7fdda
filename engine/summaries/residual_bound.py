"""Genes whose residual variance is cut at the largest that the model admits."""

from __future__ import annotations

from engine.fitting.summarised import Bounded
from engine.results import AnyFit

_NAMED = 10
# Meaning of a gene at the bound.
BOUND_MEANS = (
    "Such a gene varies more between cells than the model can describe: a rare gene, doublets, or "
    "huge counts in a few cells. Do not rely on its correlations: they are too small in size if "
    "few cells have huge counts, too large if the gene does vary more. Look at its counts."
)


def genes_at_bound(fit: AnyFit) -> Bounded:
    """The real genes whose residual variance d is within 0.1 % of the largest admitted.

    None for a model without residuals.
    """
    return fit.at_bound()


def bound_words(fit: AnyFit) -> str:
    """Number, names and meaning of genes at the bound, in words; "" if there are none."""
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
