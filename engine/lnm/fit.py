"""Fit: a fitted model as named arrays with provenance, readable without the code of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.fitting.estimates import Estimates
from engine.fitting.status import Status
from engine.lnm.arrays import Capture, Totals
from engine.lnm.checked import check_fit
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design
from engine.lnm.summary import FactorSummary

__all__ = ["Capture", "Fit", "Totals"]


_CAPTURE = {
    "efficiency": "capture_efficiency",
    "efficiency_sd": "capture_efficiency_sd",
    "eta": "capture_eta",
    "eta_sd": "capture_eta_sd",
}


@dataclass(frozen=True)
class Fit(FactorSummary):
    """A fitted LNM or LNMVCP.

    Loadings are given in CLR on their principal axes: columns ordered by explained
    variance, the largest absolute loading of each positive. G counts all features of
    the simplex, the pooled ``_other`` included; C cells; k factors.

    Attributes
    ----------
    genes, cells
        Names, (G,) and (C,).
    reference
        Position in ``genes`` of the ALR reference.
    mean_clr
        (G,) mean logits, centred.
    loadings
        (G, k) CLR loadings W_clr.
    noise
        (G,) residual variance d of each logit, that of the reference included.
    scores, scores_sd
        (C, k) posterior mode and standard deviation of z; of ``inference="vae"`` without
        ``refine`` the encoder's; of ``"nuts"`` the posterior mean.
    log_marginal
        (C,) log p(counts of the cell | its total), nats; of ``inference="vae"`` without
        ``refine`` a lower bound on it, by the encoder's density of z. Of ``"nuts"`` by the nested
        Laplace approximation at the posterior means of the parameters.
    total_counts
        (C,) counts over the modelled features.
    obs
        The labels that came with the data.
    trace
        One row a pass: pass, seconds, log_marginal_per_cell (of ``"vae"`` the bound in training,
        a pass being an epoch; of ``"nuts"`` that of one chain's draw, a pass being an iteration of
        all chains), and of ``"laplace"`` gradient_median, gradient_worst,
        n_failed_cells.
    encoder
        Named arrays of ``inference="vae"``: the encoder, the widths of the guide of loadings and
        log d, and the rotation to principal axes; empty for ``"laplace"``.
    data
        Where the counts came from: name, source, layer, fingerprint, what was dropped.
    diagnostics
        Of ``inference="nuts"``: how well the chains agree, see `engine.lnm.nuts.diagnostics`.
    draws
        Of ``inference="nuts"``: a few draws of ``mean_clr`` (n, G), ``loadings`` (n, G, k), each
        turned to agree with the loadings above, and ``noise`` (n, G).
    names
        User-given names of the factors; empty: "factor 1" and so on.
    gene_ids
        (G,) ids of the genes; None if only the names are known.
    design
        How labels of cells become covariates; None without a formula.
    effects
        (G, p) CLR effects B of the columns of the design, nats per unit of the encoded column; the
        factors contain none of what they explain.
    coefficients
        For each fixed column the effect (G,) without shrinkage, with its error, in the units of the
        covariate; see `engine.coefficients`.
    units
        What each of these varies between: ``"cell"``, or the group of a random effect.
    """

    config: LNMConfig
    genes: pd.Index
    cells: pd.Index
    reference: int = field()
    mean_clr: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray
    scores: np.ndarray
    scores_sd: np.ndarray
    log_marginal: np.ndarray
    total_counts: np.ndarray
    totals: Totals
    capture: Capture | None
    obs: pd.DataFrame
    trace: pd.DataFrame
    status: Status
    prior: dict[str, Any] = field(default_factory=dict)
    encoder: dict[str, np.ndarray] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    diagnostics: dict[str, Any] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    gene_ids: pd.Index | None = None
    design: Design | None = None
    effects: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    coefficients: tuple[Estimates, ...] = ()
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Without a design the effects have no columns.
        if self.design is None:
            object.__setattr__(self, "effects", np.zeros((len(self.genes), 0)))

    def parts(self) -> dict[str, dict[str, Any]]:
        """The model's own entries of obs, var, obsm, varm and ``uns["logratio"]``, by name."""
        entries = super().parts()
        if self.capture is not None:
            entries["obs"] |= {key: getattr(self.capture, name) for name, key in _CAPTURE.items()}
        entries["var"]["lnm_reference"] = np.arange(len(self.genes)) == self.reference
        entries["uns"] = {
            "totals": json.dumps(asdict(self.totals)),
            "prior": json.dumps(self.prior),
            "diagnostics": json.dumps(self.diagnostics),
            "draws": dict(self.draws),
        }
        if self.design is not None:
            of = self.coefficients
            entries["varm"]["lnm_effects"] = self.effects
            if of:
                entries["varm"]["lnm_coefficients"] = np.column_stack([c.value for c in of])
                entries["varm"]["lnm_coefficients_se"] = np.column_stack([c.error for c in of])
            coefficients = {
                "freedom": [c.freedom if np.isfinite(c.freedom) else None for c in of],
                "units": list(self.units),
            }
            entries["uns"]["design"] = json.dumps(self.design.to_dict() | coefficients)
        return entries

    @classmethod
    def fields(cls, parts: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of all models, and those of this model alone."""
        obs, var, meta = parts["obs"], parts["var"], parts["uns/logratio"]
        capture = None
        if meta["model"] == "lnmvcp":
            capture = Capture(**{name: obs[key].to_numpy() for name, key in _CAPTURE.items()})
        own = _read_covariates(parts)
        common = super().fields(parts)
        if own:
            common["obs"] = own["design"].named(common["obs"])
        return common | {
            "reference": int(np.flatnonzero(var["lnm_reference"].to_numpy())[0]),
            "totals": Totals.of(json.loads(meta["totals"])),
            "capture": capture,
            "prior": json.loads(meta["prior"]),
            # Older files have neither.
            "diagnostics": json.loads(meta.get("diagnostics", "{}")),
            "draws": {name: np.asarray(array) for name, array in meta.get("draws", {}).items()},
            **own,
        }

    def check(self) -> None:
        """Raise an error if parts do not agree or are not finite, as in a damaged file.

        Raises
        ------
        FitError
        """
        super().check()
        check_fit(self)


def _read_covariates(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Design, effects and coefficients, if there are any."""
    meta, varm = parts["uns/logratio"], parts["varm"]
    if "design" not in meta:
        return {}
    stored = json.loads(meta["design"])
    freedom = [np.inf if one is None else float(one) for one in stored["freedom"]]
    none = np.zeros((0, 0))
    value, error = (np.asarray(varm.get(f"lnm_coefficients{end}", none)) for end in ("", "_se"))
    return {
        "design": Design.from_dict(stored),
        "effects": np.asarray(varm["lnm_effects"]),
        "units": tuple(map(str, stored["units"])),
        "coefficients": tuple(
            Estimates(value[:, j], error[:, j], one) for j, one in enumerate(freedom)
        ),
    }
