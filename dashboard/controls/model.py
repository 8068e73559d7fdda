"""2 Model: which model, how many factors, which genes, which priors."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.controls.form import WIDE, beside, folded, step
from dashboard.controls.genes import GenesControl
from dashboard.state import AppState
from engine.config import MAX_FACTORS

MODELS = {"LNM": False, "LNMVCP": True}
MODEL_HELP = {
    False: "Logistic-normal multinomial; totals are negative binomial.",
    True: "LNM with a capture efficiency for each cell.",
}
NOISE = {"learned": "learned", "zero (low rank)": "low_rank"}
PRIORS = {"anchored to library size": "anchored", "shared by all cells": "population"}
PRECISIONS = {"single (32 bit)": "float32", "double (64 bit)": "float64"}
LEARNED: dict[str, Any] = {"placeholder": "learned"}


class ModelControl(pn.viewable.Viewer):
    """Settings of the fit, each with a line of help."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        of = state.param
        model = pmui.RadioButtonGroup.from_param(
            of.capture, options=MODELS, label="", **WIDE | {"variant": "outlined"}
        )
        factors = _whole(of.n_factors, "Factors", "Gene programmes", end=MAX_FACTORS)
        noise = _choice(of.d_mode, "Residual d", "Variance left per gene", NOISE)
        genes = GenesControl(state)
        self._panel = step(
            2,
            "Model",
            model,
            html.pane(html.bound(lambda capture: html.note(MODEL_HELP[capture]), of.capture)),
            beside(factors, noise),
            beside(genes.kind, genes.count),
            genes.names,
            folded("Reference and capture prior", genes.reference, *_capture(of)),
            folded("Advanced priors", *_priors(of)),
            folded("Limits and precision", *_limits(of)),
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel


def _capture(of: Any) -> list[Any]:
    unused = html.bound(lambda capture: not capture, of.capture)
    return [
        _choice(
            of.capture_prior,
            "Capture prior",
            "What is known before the totals",
            PRIORS,
            visible=of.capture,
        ),
        _number(
            of.molecules,
            "Molecules per cell M₀",
            "Human, mouse 200,000; yeast 60,000; E. coli 3,000",
            format="0,0",
            disabled=unused,
        ),
        _number(
            of.capture_sd,
            "Prior sd of −log efficiency",
            "Nats; larger trusts the library size less",
            step=0.1,
            disabled=unused,
        ),
    ]


def _priors(of: Any) -> list[Any]:
    unused = html.bound(lambda mode: mode != "learned", of.d_mode)
    return [
        _number(
            of.loadings_scale,
            "Prior sd of loadings W",
            "Nats; empty learns it from all genes",
            step=0.1,
            **LEARNED,
        ),
        _number(
            of.noise_location,
            "Prior mean of log d",
            "Empty estimates it",
            step=0.1,
            disabled=unused,
            **LEARNED,
        ),
        _number(
            of.noise_scale,
            "Prior sd of log d",
            "Empty estimates it",
            step=0.1,
            disabled=unused,
            **LEARNED,
        ),
    ]


def _limits(of: Any) -> list[Any]:
    return [
        _whole(of.max_passes, "Most passes", "Over all cells, before the fit ends"),
        _number(
            of.max_seconds,
            "Most seconds",
            "Of fitting; empty sets no limit",
            format="0",
            placeholder="no limit",
        ),
        _number(
            of.tolerance,
            "Tolerance",
            "Nats per cell; stops when a pass gains less",
            format="0.0[00000]",
            step=1e-3,
        ),
        _whole(of.seed, "Seed", "Of the randomised start"),
        _choice(of.precision, "Precision", "Double takes twice the memory", PRECISIONS),
        _whole(
            of.block_cells,
            "Cells per block",
            "Fewer take less memory; empty chooses",
            placeholder="automatic",
        ),
    ]


def _choice(of: param.Parameter, label: str, help: str, options: Any, **more: Any) -> Any:
    return pmui.Select.from_param(of, label=label, helper_text=help, options=options, **WIDE | more)


def _whole(of: param.Parameter, label: str, help: str, **more: Any) -> Any:
    return pmui.IntInput.from_param(of, label=label, helper_text=help, **WIDE | _ends(of) | more)


def _number(of: param.Parameter, label: str, help: str, **more: Any) -> Any:
    return pmui.FloatInput.from_param(of, label=label, helper_text=help, **WIDE | _ends(of) | more)


def _ends(of: Any) -> dict[str, Any]:
    low, high = of.bounds or (None, None)
    return {"start": low, "end": high}
