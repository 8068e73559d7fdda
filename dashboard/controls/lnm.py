"""Settings of LNM and LNMVCP, each with a line of help."""

from __future__ import annotations

from typing import Any

import param

from dashboard import html
from dashboard.controls.fields import choice, number, size
from dashboard.controls.form import beside, folded
from dashboard.state import AppState
from engine.registry import takes

# The number of latents whose form this is.
SIZE = "n_factors"
NOISE = {"learned": "learned", "zero (low rank)": "low_rank"}
PRIORS = {"shared by all cells": "population", "anchored to library size": "anchored"}
PRIOR_HELP = {
    "population": "Estimated from all cells",
    "anchored": "As published; uses each total twice",
}
INFERENCES = {"nested Laplace": "laplace", "VAE": "vae", "NUTS": "nuts"}
INFERENCE_HELP = {
    "laplace": "Quick, and close to exact",
    "vae": "An encoder, for very many cells",
    "nuts": "Exact draws, for up to 100,000 counts (cells × genes)",
}
LEARNED: dict[str, Any] = {"placeholder": "learned"}


def first(state: AppState) -> list[Any]:
    """Main settings."""
    of = state.param
    words = html.bound(INFERENCE_HELP.__getitem__, of.factor_inference)
    return [
        beside(
            size(of.n_factors, "Factors", "auto: as the counts tell"),
            choice(of.d_mode, "Residual d", "Variance left per gene", NOISE),
        ),
        choice(of.factor_inference, "Inference", words, INFERENCES),
    ]


def others(state: AppState, reference: Any) -> list[Any]:
    """Other settings, in collapsed sections; ``reference`` is the choice of the ALR reference."""
    of = state.param
    return [
        folded("Reference and capture prior", reference, *_capture(of)),
        folded("Advanced priors", *_priors(of)),
    ]


def _capture(of: Any) -> list[Any]:
    unused = html.bound(lambda model: not takes(model, "molecules"), of.model)
    return [
        choice(
            of.capture_prior,
            "Capture prior",
            html.bound(PRIOR_HELP.__getitem__, of.capture_prior),
            PRIORS,
            visible=html.bound(lambda model: takes(model, "capture_prior"), of.model),
        ),
        number(
            of.molecules,
            "Molecules per cell M₀",
            "Human, mouse 200,000; yeast 60,000; E. coli 3,000",
            format="0,0",
            disabled=unused,
        ),
        number(
            of.capture_sd,
            "Prior sd of −log efficiency",
            "Nats; larger trusts the library size less",
            step=0.1,
            visible=param.bind(_anchored, of.model, of.capture_prior),
        ),
    ]


def _anchored(model: str, prior: str) -> bool:
    return takes(model, "capture_prior") and prior == "anchored"


def _priors(of: Any) -> list[Any]:
    unused = html.bound(lambda mode: mode != "learned", of.d_mode)
    return [
        number(
            of.loadings_scale,
            "Prior sd of loadings W",
            "Nats; empty learns it from all genes",
            step=0.1,
            **LEARNED,
        ),
        number(
            of.noise_location,
            "Prior mean of log d",
            "Empty estimates it",
            step=0.1,
            disabled=unused,
            **LEARNED,
        ),
        number(
            of.noise_scale,
            "Prior sd of log d",
            "Empty estimates it",
            step=0.1,
            disabled=unused,
            **LEARNED,
        ),
    ]
