"""FitBase: what fits of all models have in common, and their layout in an AnnData.

The defaults are those of a model that lacks a capability; a model overrides what it has.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from engine.files.writing import write
from engine.fitting.checked import check_arrays, check_rest
from engine.fitting.estimates import Estimates
from engine.fitting.model_config import ModelConfig
from engine.fitting.saved import FORMAT, Stored, given_names, known_ids
from engine.fitting.status import Status
from engine.fitting.summarised import Bounded, CellResiduals
from engine.fitting.vocabulary import Capability, Quantity, Vocabulary
from engine.fitting.words import Methods
from engine.genes import OTHER


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
        Where the counts came from; versions of the software.
    names
        User-given names of the latents; empty: `default_names`.
    gene_ids
        (G,) ids of the genes; None if only the names are known.
    vocabulary, config_type
        Words of the model, and the type of its configurations.
    reference, diagnostics
        Position in ``genes`` of the ALR reference, if there is one; how well chains agree, if any.
    stored
        Where the model's own arrays lie in an AnnData, by the names of the fields.
    """

    vocabulary: ClassVar[Vocabulary]
    config_type: ClassVar[type[ModelConfig]]
    stored: ClassVar[Mapping[str, Stored]]

    config: ModelConfig
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
    # No properties: a model may have fields of these names.
    reference: int | None = None
    diagnostics: Mapping[str, Any] = MappingProxyType({})

    @property
    def model(self) -> str:
        """Short name of the model."""
        return self.config.model

    @property
    def latent(self) -> str:
        """Word for one latent."""
        return self.vocabulary.latent

    @property
    def n_factors(self) -> int:
        """Number of latents, whatever they are called."""
        return self.config.size

    @property
    def default_names(self) -> list[str]:
        """Names of the latents without user-given names."""
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

    @property
    def groupings(self) -> tuple[str, ...]:
        """Columns whose levels have random effects: none."""
        return ()

    def covariates(self) -> np.ndarray:
        """(C, p) covariates of the cells: none."""
        return np.zeros((len(self.cells), 0))

    def effects_of_covariates(self) -> np.ndarray:
        """(G, p) effects of these: none."""
        return np.zeros((len(self.genes), 0))

    def covariate_effects(self) -> tuple[tuple[str, str, str, Estimates], ...]:
        """Label, term, unit and effects of covariates; none."""
        return ()

    def changed(self, **fields: Any) -> Self:
        """A copy with other values of some fields."""
        # Each fit is a dataclass.
        return replace(cast("Any", self), **fields)

    @property
    def log_marginal_per_cell(self) -> float:
        """The last value of the trace, nats."""
        return float(self.trace["log_marginal_per_cell"].iloc[-1])

    def can(self, what: Capability) -> bool:
        """Whether the fit has this capability; False by default."""
        return False

    def cell_weights_sd(self) -> np.ndarray | None:
        """None: the weights have no standard deviations."""
        return None

    def cell_quantity(self, of: Quantity) -> np.ndarray | None:
        """None: cells have no such quantity."""
        return None

    def cell_quantity_sd(self, of: Quantity) -> np.ndarray | None:
        """None: cells have no such quantity."""
        return None

    def residual_variance(self) -> np.ndarray | None:
        """None: genes have no residuals."""
        return None

    def cell_residuals(
        self, counts: sparse.csc_matrix | sparse.csr_matrix, cells: np.ndarray, genes: np.ndarray
    ) -> CellResiduals | None:
        """None: genes have no residuals."""
        return None

    def at_bound(self) -> Bounded:
        """No gene: there are no residuals."""
        return Bounded(self.genes[:0], 0, np.inf)

    def learned(self) -> Sequence[np.ndarray]:
        """The arrays that identify what the fit learned: all that are `stored`."""
        return [getattr(self, name) for name in self.stored]

    def methods(self) -> Methods:
        """Sentences of a methods section on the fit."""
        raise NotImplementedError

    def parts(self) -> dict[str, dict[str, Any]]:
        """The model's own entries of obs, var, obsm, varm and ``uns["logratio"]``, by name."""
        entries: dict[str, dict[str, Any]] = {part: {} for part in ("obs", "var", "obsm", "varm")}
        for name, (part, key, _) in self.stored.items():
            entries[part][key] = getattr(self, name)
        return entries | {"uns": {}}

    def to_anndata(self, counts: sparse.csr_matrix | None = None) -> ad.AnnData:
        """The fit as an AnnData that scanpy and cellxgene open.

        Parameters
        ----------
        counts
            (C, G) counts for ``X``; without them ``X`` is an empty sparse matrix.
        """
        parts = self.parts()
        own = {"total_counts": self.total_counts, **parts["obs"]}
        # A label with the name of one of the fit's own columns is renamed.
        labels = self.obs.rename(columns={name: f"{name}_input" for name in own})
        ids = {} if self.gene_ids is None else {"gene_ids": np.asarray(self.gene_ids, dtype=object)}
        shape = (len(self.cells), len(self.genes))
        return ad.AnnData(
            X=counts if counts is not None else sparse.csr_matrix(shape, dtype=np.float32),
            obs=labels.assign(**own).set_axis(self.cells.astype(str)),
            var=pd.DataFrame(ids | parts["var"], index=self.genes.astype(str)),
            obsm=parts["obsm"],
            varm=parts["varm"],
            uns={"logratio": self._meta(labels) | parts["uns"]},
        )

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

    def _meta(self, labels: pd.DataFrame) -> dict[str, Any]:
        """``uns["logratio"]``: the parts that no table of an AnnData holds."""
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
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> Self:
        """The fit from obs, var, obsm, varm and uns["logratio"] in the layout of `to_anndata`."""
        return cls(**cls.fields(parts))

    @classmethod
    def fields(cls, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the fields above and of those `stored`, from the parts of an AnnData."""
        obs, var, meta = parts["obs"], parts["var"], parts["uns/logratio"]
        config = cls.config_type.from_dict(json.loads(meta["config"]))
        default = [f"{cls.vocabulary.latent} {j + 1}" for j in range(config.size)]
        own = {name: np.asarray(parts[part][key]) for name, (part, key, _) in cls.stored.items()}
        return {
            **own,
            "config": config,
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

    def check(self) -> None:
        """Raise an error if parts do not agree or are not finite, as in a damaged file.

        Raises
        ------
        FitError
        """
        cells, genes, size = (len(self.cells),), (len(self.genes),), (self.config.size,)
        of = {"obs": cells, "var": genes, "obsm": cells + size, "varm": genes + size}
        shapes = {name: of[one.part] for name, one in self.stored.items()}
        shapes["total_counts"] = cells
        least = {n: one.least for n, one in self.stored.items() if one.least is not None}
        arrays = {name: np.asarray(getattr(self, name)) for name in shapes}
        check_arrays(arrays, shapes, least | {"total_counts": 0.0})
        check_rest(self)
