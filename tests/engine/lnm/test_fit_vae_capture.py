"""Capture efficiency by an encoder, and what is said of one that does not track it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine.data import Counts, simulate
from engine.lnm import totals
from engine.lnm.collapse import agreement, collapse
from engine.results import Capture

pytestmark = pytest.mark.fit

CONFIG = engine.LNMConfig(
    n_factors=2, inference="vae", hidden=8, batch_cells=64, max_epochs=60, capture=True
)


@pytest.fixture(scope="module")
def drawn() -> Counts:
    adata = simulate("lnmvcp", cells=300, genes=20, factors=2, seed=4, mean_total=1000)
    return engine.read_counts(adata, genes="all")


@pytest.mark.parametrize("prior", ["anchored", "population"])
def test_the_encoder_tracks_the_capture_latent(
    drawn: Counts, prior: engine.lnm.config.CapturePrior
) -> None:
    config = replace(CONFIG, capture_prior=prior)
    fit = engine.fit(drawn, replace(config, refine=False))
    exact = totals.capture(drawn, config, fit.totals)
    assert fit.capture is not None
    assert exact is not None
    correlation, slope = agreement(fit.capture, exact)
    assert correlation > 0.97
    assert slope == pytest.approx(1, abs=0.25)
    np.testing.assert_allclose(np.median(fit.capture.eta_sd), np.median(exact.eta_sd), rtol=0.3)
    assert "capture latent" not in fit.status.reason
    refined = engine.transform(fit, drawn, refine=True)
    assert refined.capture is not None
    np.testing.assert_allclose(refined.capture.eta, exact.eta)


def test_an_encoder_that_does_not_is_told_of(drawn: Counts) -> None:
    """Too few steps, too small: every cell gets the same eta."""
    config = replace(CONFIG, max_epochs=1, learning_rate=1e-6)
    for refine, advice in ((True, "each cell's own"), (False, "inference='laplace'")):
        fit = engine.fit(drawn, replace(config, refine=refine))
        assert "does not track the capture latent" in fit.status.reason
        assert "r = " in fit.status.reason
        assert advice in fit.status.reason
        assert fit.capture is not None
        # Refined, the fit keeps what the encoder missed.
        assert bool(np.std(fit.capture.eta) > 0.1) is refine


def test_the_rule() -> None:
    rng = np.random.default_rng(0)
    eta = rng.normal(4, 0.4, 200)

    def of(eta: np.ndarray) -> Capture:
        width = np.full(len(eta), 0.3)
        return Capture(eta, width, np.exp(-eta), width * np.exp(-eta))

    assert collapse(of(eta + 0.02 * rng.normal(size=200)), of(eta), refined=False) == ""
    shrunk = collapse(of(4 + 0.1 * (eta - 4)), of(eta), refined=False)
    assert "r = 1.00" in shrunk
    assert "slope 0.10" in shrunk
    assert "r = 0.00" in collapse(of(np.full(200, 4.0)), of(eta), refined=False)
    # Cells that do not differ leave nothing to track.
    assert collapse(of(eta), of(np.full(200, 4.0)), refined=False) == ""


def test_with_and_without_capture_from_each_other(drawn: Counts) -> None:
    """Heads of eta are made where the encoder has none, and left where they are not asked for."""
    brief = replace(CONFIG, max_epochs=1)
    fit, trained = engine.fit(drawn, brief), brief
    for capture in (False, True):
        trained = replace(brief, capture=capture)
        *_, last = engine.fit_iter(drawn, trained, start=fit)
        assert last.snapshot is not None
        fit = last.snapshot()
        assert fit.model == ("lnmvcp" if capture else "lnm")
        assert any(name.startswith("eta_") for name in fit.encoder) == capture
