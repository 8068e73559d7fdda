"""Read what `Fit.save` wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from engine.config import LNMConfig
from engine.errors import FitError
from engine.results.fit import FORMAT, Capture, Fit, Status, Totals, given_names
from engine.results.topics import TopicFit

AnyFit = Fit | TopicFit

_EXPECTED = "an .h5ad written by Fit.save"


def load(path: str | os.PathLike[str]) -> AnyFit:
    """Read a fit written by `Fit.save` or `TopicFit.save`. The counts in ``X`` stay on disk.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    with opened(path) as file:
        if "uns/logratio" not in file:
            raise FitError(
                _EXPECTED,
                f"no uns['logratio'] in {Path(path).name}",
                "Open a file that Logratio saved, or read it as counts.",
            )
        names = ("obs", "var", "obsm", "varm", "uns/logratio")
        return _from_parts({name: ad.io.read_elem(file[name]) for name in names})


def load_counts(path: str | os.PathLike[str]) -> sparse.csc_matrix | None:
    """The (C, G) counts of a fit written by `Fit.save`, by columns; None if it has none.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    with opened(path) as file:
        if not file["X/data"].shape[0]:
            return None
        return sparse.csc_matrix(cast(sparse.csr_matrix, ad.io.read_elem(file["X"])))


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """The file; whatever reading it raises is told as a damaged fit."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise FitError(
            _EXPECTED, f"{Path(path).name}: {error}", "Check the path and the file."
        ) from error


def _from_parts(parts: dict[str, Any]) -> AnyFit:
    obs, var, meta = parts["obs"], parts["var"], parts["uns/logratio"]
    if int(meta["format"]) > FORMAT:
        raise FitError(
            f"a fit of format {FORMAT} or older",
            f"format {meta['format']}",
            "Update Logratio to open this file.",
        )
    if meta["model"] == "lda":
        return TopicFit.from_parts(parts)
    capture = None
    if meta["model"] == "lnmvcp":
        capture = Capture(
            eta=obs["capture_eta"].to_numpy(),
            eta_sd=obs["capture_eta_sd"].to_numpy(),
            efficiency=obs["capture_efficiency"].to_numpy(),
            efficiency_sd=obs["capture_efficiency_sd"].to_numpy(),
        )
    loadings = np.asarray(parts["varm"]["lnm_loadings"])
    default = [f"factor {j + 1}" for j in range(loadings.shape[1])]
    return Fit(
        config=LNMConfig.from_dict(json.loads(meta["config"])),
        genes=pd.Index(var.index),
        cells=pd.Index(obs.index),
        reference=int(np.flatnonzero(var["lnm_reference"].to_numpy())[0]),
        mean_clr=var["lnm_mean_clr"].to_numpy(),
        loadings=loadings,
        noise=var["lnm_noise"].to_numpy(),
        scores=np.asarray(parts["obsm"]["X_lnm"]),
        scores_sd=np.asarray(parts["obsm"]["X_lnm_sd"]),
        log_marginal=obs["log_marginal"].to_numpy(),
        total_counts=obs["total_counts"].to_numpy(),
        totals=Totals(**json.loads(meta["totals"])),
        capture=capture,
        obs=obs[json.loads(meta["obs_columns"])],
        trace=pd.DataFrame(meta["trace"]),
        status=Status(**json.loads(meta["status"])),
        prior=json.loads(meta["prior"]),
        encoder={name: np.asarray(array) for name, array in meta.get("encoder", {}).items()},
        # Older files have neither.
        diagnostics=json.loads(meta.get("diagnostics", "{}")),
        draws={name: np.asarray(array) for name, array in meta.get("draws", {}).items()},
        data=json.loads(meta["data"]),
        versions=json.loads(meta["versions"]),
        names=given_names(meta, default),
    )
