"""Covariates of a fit by an encoder, held to the nested Laplace fit of the same cells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
import pytest

import engine
from engine import checks
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting import encoding
from engine.inference.predict import predicted_proportions
from engine.lnm import encoded_effects
from engine.lnm import encoder as vae
from engine.lnm.amortized import change_basis
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.results import Fit
from tests.engine.grouped import grouped

LAPLACE = engine.LNMConfig(n_factors=3, formula="~ batch")
VAE = replace(LAPLACE, inference="vae", hidden=32, batch_cells=60)
# Ends after the first of the epochs that are planned, which moves next to nothing.
ONE_EPOCH = replace(VAE, max_epochs=VAE.epochs(300), max_seconds=1e-6, learning_rate=1e-7)


class Fits(NamedTuple):
    counts: Counts
    new: Counts
    truth: np.ndarray
    laplace: Fit
    vae: Fit


@pytest.fixture(scope="module")
def fits() -> Fits:
    """300 cells of two batches, 40 % of the genes shifted by N(0, 0.8^2)."""
    labels = pd.DataFrame({"batch": np.random.default_rng(5).random(360) < 0.4})
    data = grouped(labels, effect=0.8, changed=0.4)
    counts = data.counts.take(np.arange(300))
    new = data.counts.take(np.arange(300, 360))
    fits = engine.fit(counts, LAPLACE), engine.fit(counts, VAE)
    return Fits(counts, new, data.effects, *fits)


def r_of(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def in_common(fit: Fit) -> float:
    """Largest R² of a factor's scores with the batch."""
    batch = fit.obs["batch"].astype(str) == "True"
    return max(np.corrcoef(batch, z)[0, 1] ** 2 for z in fit.scores.T)


@pytest.mark.fit
class TestFit:
    def test_correlations_within_batches_are_those_by_laplace(self, fits: Fits) -> None:
        upper = np.triu_indices(60, 1)
        found = [
            engine.summaries.clr_correlation(fit).to_numpy()[upper]
            for fit in (fits.laplace, fits.vae)
        ]
        assert r_of(*found) > 0.97
        assert fits.vae.log_marginal_per_cell == pytest.approx(
            fits.laplace.log_marginal_per_cell, abs=1
        )

    def test_factors_have_nothing_of_the_batch(self, fits: Fits) -> None:
        """Neither refined nor by the encoder alone, whose share of it was moved into effects."""
        assert in_common(fits.vae) < 1e-3
        assert in_common(engine.transform(fits.vae, fits.counts, refine=False)) < 1e-8

    def test_effects_and_their_errors(self, fits: Fits) -> None:
        laplace, encoded = fits.laplace, fits.vae
        assert r_of(laplace.effects[:, 0], encoded.effects[:, 0]) > 0.95
        assert r_of(fits.truth, encoded.effects[:, 0]) > 0.9
        np.testing.assert_allclose(encoded.effects.sum(0), 0, atol=1e-9)
        np.testing.assert_allclose(
            encoded.prior["effects"]["fixed"], laplace.prior["effects"]["fixed"], rtol=0.3
        )
        (one,), (other,) = laplace.coefficients, encoded.coefficients
        assert r_of(one.value, other.value) > 0.98
        np.testing.assert_allclose(other.error, one.error, rtol=0.2)
        table = engine.coefficients(encoded)
        assert set(table["unit"]) == {"cell"}

    def test_differences_and_uncertainty(self, fits: Fits) -> None:
        batch = np.asarray(fits.counts.obs["batch"].astype(str) == "True")
        found = [
            engine.differences(fit, fits.counts, batch).genes.set_index("gene")["difference"]
            for fit in (fits.laplace, fits.vae)
        ]
        assert r_of(found[0], found[1][found[0].index]) > 0.98
        genes = np.arange(60)
        errors = [
            checks.uncertainty(fit, fits.counts).correlation(genes)
            for fit in (fits.laplace, fits.vae)
        ]
        widths = [(one.high - one.low)[np.triu_indices(60, 1)] for one in errors]
        assert np.median(widths[1] / widths[0]) == pytest.approx(1, abs=0.15)

    def test_read_back_and_gone_on_from(self, fits: Fits, tmp_path: Path) -> None:
        fit = fits.vae
        read = engine.load(fit.save(tmp_path / "fit.h5ad"))
        assert isinstance(read, Fit)
        assert (read.design, read.prior, read.config) == (fit.design, fit.prior, fit.config)
        np.testing.assert_array_equal(read.effects, fit.effects)
        *_, last = engine.fit_iter(fits.counts, ONE_EPOCH, start=read)
        on = last.snapshot()
        assert isinstance(on, Fit)
        assert on.status.passes == fit.status.passes + 1
        told = on.trace["log_marginal_per_cell"].to_numpy()
        assert told[len(fit.trace)] == pytest.approx(told[len(fit.trace) - 2], abs=2)
        np.testing.assert_allclose(on.effects, fit.effects, atol=1e-3)
        with pytest.raises(ConfigError, match="Start a new fit"):
            next(engine.fit_iter(fits.counts, replace(VAE, formula=None), start=read))

    def test_from_a_fit_by_laplace(self, fits: Fits) -> None:
        *_, last = engine.fit_iter(fits.counts, ONE_EPOCH, start=fits.laplace)
        assert last.snapshot is not None
        # But for what scores by an encoder that is not trained have in common with the batch.
        found = last.snapshot().effects[:, 0]
        assert r_of(found, fits.laplace.effects[:, 0]) > 0.95

    def test_new_cells(self, fits: Fits) -> None:
        fit, new = fits.vae, fits.new
        again = engine.transform(fit, fits.counts)
        np.testing.assert_allclose(again.scores, fit.scores, atol=0.02)
        other = replace(new, obs=new.obs.assign(batch=~new.obs["batch"]))
        for refine in (True, False):
            placed, wrong = (engine.transform(fit, one, refine=refine) for one in (new, other))
            assert wrong.log_marginal.mean() < placed.log_marginal.mean() - 1
        for _, shares in predicted_proportions(amortized(fit), new):
            np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-4)
        for obs in (new.obs.drop(columns="batch"), new.obs.assign(batch="third")):
            with pytest.raises(ConfigError):
                engine.transform(fit, replace(new, obs=obs), refine=False)

    def test_methods(self, fits: Fits) -> None:
        told = engine.summaries.methods_text(fits.vae)
        assert "~ batch" in told
        assert "The part of the effects that the loadings do not explain" in told


def amortized(fit: Fit) -> Fit:
    return replace(fit, config=replace(fit.config, refine=False))


class TestParts:
    def test_a_slope_of_scores_is_moved_into_effects(self) -> None:
        """Encoder and decoder together give the same logits."""
        rng = np.random.default_rng(0)
        counts, x = rng.poisson(4, (5, 7)).astype(np.float32), rng.normal(size=(5, 3))
        inputs = encoding.input_scale(counts)
        encoder = encoding.init_encoder(jax.random.key(1), 7, 4, np.zeros(2))
        start: dict[str, np.ndarray] = vae.init_heads(encoder, None) | {
            "centre": rng.normal(size=7),
            "loadings": rng.normal(size=(7, 2)),
            "loadings_log_scale": np.zeros((7, 2)),
            "of_factors": rng.normal(size=(2, 3)),
            "remainder": rng.normal(size=(7, 3)),
            "location_by_design": rng.normal(size=(3, 2)),
            "input_by_design": rng.normal(size=(3, 4)),
        }
        slope = rng.normal(size=(2, 3))
        moved = change_basis(start, rng.normal(size=2), np.array([0.5, 3.0]), slope)
        logits = []
        for params in (start, moved):
            named = {name: np.asarray(value, np.float32) for name, value in params.items()}
            scores = np.asarray(_encode(named, counts, inputs, x.astype(np.float32)))
            effects = encoded_effects.effects_of(params)
            logits.append(params["centre"] + scores @ params["loadings"].T + x @ effects.T)
        np.testing.assert_allclose(logits[1], logits[0], atol=1e-4)
        assert np.abs(moved["of_factors"] - start["of_factors"]).max() > 0.1

    def test_priors_of_random_effects_are_learned_gene_by_gene(self) -> None:
        rng = np.random.default_rng(0)
        donor = pd.Series(np.arange(60) % 6).astype(str)
        design = Design.of("~ a + (1 | donor)", pd.DataFrame({"a": rng.random(60), "donor": donor}))
        loadings, sd = rng.normal(size=(300, 2)), np.where(np.arange(300) < 30, 1.5, 0.2)
        known = np.full(300, 400.0)
        effects = rng.normal(size=(300, 7)) * np.column_stack([np.full(300, 0.3), *[sd] * 6])
        prior = EffectsPrior.start(design, 300)
        started = encoded_effects.started(prior, loadings, effects, known, np.ones(7))
        params = started | {"loadings": loadings}
        np.testing.assert_allclose(encoded_effects.effects_of(params), effects, atol=1e-9)
        learned = encoded_effects.learned(design, params)
        assert np.sqrt(learned.fixed) == pytest.approx([0.3], rel=0.15)
        spread = np.sqrt(learned.random[:, 0])
        assert np.median(spread[:30]) > 0.8
        assert np.median(spread[30:]) == pytest.approx(0.2, rel=0.3)
        # At the priors learned the guide is nearer to them than to those at the start.
        assert encoded_effects.lost(learned, params) < encoded_effects.lost(prior, params)


_encode = jax.jit(
    lambda encoder, counts, inputs, x: (
        vae.encode(encoder, counts, inputs, np.zeros((5, 1), np.float32), covariates=x)[0].location
    )
)
