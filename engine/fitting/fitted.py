"""FitBase: what fits of all models have in common, and how one lies in an AnnData."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
from scipy import sparse

from engine.files.writing import write
from engine.fitting.estimates import Estimates
from engine.fitting.saved import FORMAT, given_names, known_ids
from engine.fitting.status import Status
from engine.fitting.training_config import Training
from engine.fitting.vocabulary import Vocabulary
from engine.genes import OTHER

if TYPE_CHECKING:
    import anndata as ad


class FitBase:
    """Base of the fit of a model, a frozen dataclass that has these fields and its own.

    Attributes
    ----------
    config
        The settings that it was made with.
    genes, cells
        Names, (G,) and (C,).
    total_counts
        (C,) counts over the modelled features.
    obs
        The labels that came with the data.
    trace
        One row a pass.
    status
        How the fit ended.
    encoder
        Named arrays of an encoder, if there is one.
    data, versions
        Where the counts came from; of the software.
    names
        What a person has called the latents; empty: `default_names`.
    gene_ids
        (G,) ids of the genes; None if the names are all that is known.
    """

    vocabulary: ClassVar[Vocabulary]

    config: Training
    genes: pd.Index
    cells: pd.Index
    total_counts: np.ndarray
    obs: pd.DataFrame
    trace: pd.DataFrame
    status: Status
    encoder: dict[str, np.ndarray]
    data: dict[str, Any]
    versions: dict[str, str]
    names: tuple[str, ...]
    gene_ids: pd.Index | None

    @property
    def model(self) -> str:
        """Short name of the model: ``"lnm"``, ``"lnmvcp"`` or ``"lda"``."""
        return self.config.model

    @property
    def latent(self) -> str:
        """What one of the latents is called: ``"factor"`` or ``"topic"``."""
        return self.vocabulary.latent

    @property
    def n_factors(self) -> int:
        """Number of latents, whatever they are called."""
        raise NotImplementedError

    @property
    def default_names(self) -> list[str]:
        """What the latents are called unless a person names them."""
        return [f"{self.latent} {j + 1}" for j in range(self.n_factors)]

    @property
    def factor_names(self) -> list[str]:
        """Names of the latents, in order."""
        return list(self.names) or self.default_names

    @property
    def is_gene(self) -> np.ndarray:
        """(G,) mask of the real genes: False for the pooled rest."""
        return np.asarray(self.genes != OTHER)

    @property
    def within(self) -> str:
        """Covariates within whose levels the latents vary; none."""
        return ""

    def covariate_effects(self) -> tuple[tuple[str, str, Estimates], ...]:
        """Label, term and effects of covariates; none."""
        return ()

    def changed(self, **fields: Any) -> Self:
        """The same with other values of some fields."""
        # Each fit is a dataclass.
        return replace(cast("Any", self), **fields)

    def to_anndata(self, counts: sparse.csr_matrix | None = None) -> ad.AnnData:
        """The fit as an AnnData that scanpy and cellxgene open.

        Parameters
        ----------
        counts
            (C, G) counts for ``X``; without them ``X`` is an empty sparse matrix.
        """
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str], counts: sparse.csr_matrix | None = None) -> Path:
        """Write the fit as .h5ad: under a temporary name first, then renamed.

        Counts are compressed, to a fifth or less; the rest is not, as it hardly shrinks and a
        large fit would take three times as long to open.

        Returns
        -------
        The path written.

        Raises
        ------
        FitError
            If the file cannot be written.
        """
        return write(self.to_anndata(), path, counts)

    def labels(self, own: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """The labels of the cells; one that has a name of the fit's own gives way."""
        return self.obs.rename(columns={name: f"{name}_input" for name in own})

    def to_meta(self, labels: pd.DataFrame, **own: Any) -> dict[str, Any]:
        """``uns["logratio"]``: what no table of an AnnData holds, and values of the model's own."""
        return {
            "format": FORMAT,
            "model": self.model,
            "config": json.dumps(self.config.to_dict()),
            "status": json.dumps(asdict(self.status)),
            "data": json.dumps(self.data),
            "versions": json.dumps(self.versions),
            "obs_columns": json.dumps([str(name) for name in labels.columns]),
            "factor_names": json.dumps(self.factor_names),
            "trace": {str(name): self.trace[name].to_numpy() for name in self.trace},
            "encoder": dict(self.encoder),
            **own,
        }

    @classmethod
    def common(cls, parts: Mapping[str, Any], n_factors: int) -> dict[str, Any]:
        """The fields above but for the configuration, from the parts of an AnnData."""
        obs, var, meta = parts["obs"], parts["var"], parts["uns/logratio"]
        default = [f"{cls.vocabulary.latent} {j + 1}" for j in range(n_factors)]
        return {
            "genes": pd.Index(var.index),
            "cells": pd.Index(obs.index),
            "total_counts": obs["total_counts"].to_numpy(),
            "obs": obs[json.loads(meta["obs_columns"])],
            "trace": pd.DataFrame(meta["trace"]),
            "status": Status(**json.loads(meta["status"])),
            # Older files have none.
            "encoder": {name: np.asarray(a) for name, a in meta.get("encoder", {}).items()},
            "data": json.loads(meta["data"]),
            "versions": json.loads(meta["versions"]),
            "names": given_names(meta, default),
            "gene_ids": known_ids(var),
        }
