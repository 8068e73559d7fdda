"""2 Model: which model, how many factors, which genes, which priors."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui

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


class ModelControl(pn.viewable.Viewer):
    """Settings of the fit, each with a line of help."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        of = self.state.param
        model = pmui.RadioButtonGroup.from_param(
            of.capture, options=MODELS, label="", **WIDE | {"variant": "outlined"}
        )
        factors = pmui.IntInput.from_param(
            of.n_factors,
            label="Factors",
            start=1,
            end=MAX_FACTORS,
            helper_text="Gene programmes",
            **WIDE,
        )
        noise = pmui.Select.from_param(
            of.d_mode,
            label="Residual d",
            options=NOISE,
            helper_text="Variance left per gene",
            **WIDE,
        )
        prior = pmui.Select.from_param(
            of.capture_prior,
            label="Capture prior",
            options=PRIORS,
            helper_text="What is known before the totals",
            visible=of.capture,
            **WIDE,
        )
        molecules = pmui.FloatInput.from_param(
            of.molecules,
            label="Molecules per cell M₀",
            format="0,0",
            start=1,
            helper_text="Human, mouse 200,000; yeast 60,000",
            disabled=html.bound(lambda capture: not capture, of.capture),
            **WIDE,
        )
        spread = pmui.FloatInput.from_param(
            of.capture_sd,
            label="Prior sd of −log efficiency",
            start=0.01,
            end=5,
            step=0.1,
            helper_text="Nats; larger trusts the library size less",
            disabled=html.bound(lambda capture: not capture, of.capture),
            **WIDE,
        )
        seed = pmui.IntInput.from_param(
            of.seed, label="Seed", start=0, helper_text="Of the randomised start", **WIDE
        )
        genes = GenesControl(state)
        self._panel = step(
            2,
            "Model",
            model,
            html.pane(html.bound(lambda capture: html.note(MODEL_HELP[capture]), of.capture)),
            beside(factors, noise),
            beside(genes.kind, genes.count),
            genes.names,
            folded("Reference and priors", genes.reference, prior, molecules, spread, seed),
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel
