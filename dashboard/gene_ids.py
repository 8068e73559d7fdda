"""Genes of a fit by name and by id."""

from __future__ import annotations

from collections.abc import Mapping

from engine.genes import find_genes
from engine.results import OTHER, AnyFit


def called(fit: AnyFit | None, text: str) -> str | None:
    """The name of the modelled gene with this id, or with this name; None if there is none."""
    if fit is None:
        return None
    index = int(find_genes([text], fit.genes, fit.gene_ids)[0])
    name = str(fit.genes[index]) if index >= 0 else OTHER
    return None if name == OTHER else name


def ids_of(fit: AnyFit | None) -> dict[str, str]:
    """The id of each gene, by name; empty if the fit knows none."""
    if fit is None or fit.gene_ids is None:
        return {}
    return {str(name): str(own) for name, own in zip(fit.genes, fit.gene_ids, strict=True)}


def full(gene: str, ids: Mapping[str, str]) -> str:
    """The name of a gene, with its id if that differs."""
    own = ids.get(gene, "")
    return gene if not own or own in gene else f"{gene} · {own}"
