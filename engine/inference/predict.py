"""Proportions that a fit expects of cells, given some of their counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.data import Counts
from engine.fitting.compilation import keep_compilations
from engine.registry import family_of
from engine.results import AnyFit


def predicted_proportions(fit: AnyFit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
    """Expected proportions E[rho | counts] of each cell, block by block.

    LDA: mean proportions of the topics times mean topics; by ``inference="em"``, which has no
    means, their modes in the softmax basis. LNM and LNMVCP: mean over the
    posterior of z, lambda and the residuals epsilon; z by the encoder alone if the fit has one
    and was made without ``refine``.

    Parameters
    ----------
    counts
        Genes matched by name; every cell with at least one count of them.

    Yields
    ------
    The cells of the block, and their (B, G) proportions over the features of the fit.

    Raises
    ------
    DataError
        If the counts lack genes of the fit.
    """
    keep_compilations()
    counts = counts.matched(fit.genes, fit.gene_ids)
    yield from family_of(fit).proportions(fit, counts)
