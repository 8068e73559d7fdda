"""Topics between groups of cells and of donors; factors are in test_comparing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import Counts
from engine.errors import ConfigError
from engine.results import TopicFit
from tests.engine.summaries.made_topics import made_topics

CELLS, TOPICS = 480, 4
NUMBER = np.arange(CELLS)


def fitted(rng: np.random.Generator, shift: float, of_donors: float) -> tuple[TopicFit, Counts]:
    """Eight donors, four of them ill, which shifts the logit of the first topic."""
    donor = NUMBER // 60
    logits = rng.normal(0, 1, (CELLS, TOPICS)) + of_donors * rng.normal(size=(8, TOPICS))[donor]
    logits[:, 0] += shift * (donor >= 4)
    shares = np.exp(logits)
    fit = made_topics(6, TOPICS, 0, cells=CELLS, pooled=False)
    fit = replace(fit, proportions=shares / shares.sum(1, keepdims=True))
    matrix = np.zeros((CELLS, 6))
    matrix[:, 0] = fit.total_counts
    obs = pd.DataFrame({"donor": [f"d{d}" for d in donor]})
    return fit, Counts.from_arrays(matrix, fit.genes, fit.cells, obs=obs)


ILL = NUMBER >= 240


def test_clr_of_mean_proportions() -> None:
    fit, counts = fitted(np.random.default_rng(0), 1.0, 0.0)
    found = engine.latent_differences(fit, counts, ILL)
    means = np.stack([fit.proportions[part].mean(0) for part in (ILL, ~ILL)])
    logs = np.log(means)
    ratios = logs - logs.mean(1, keepdims=True)
    np.testing.assert_allclose(found.latents["difference"], ratios[0] - ratios[1], atol=0.01)
    np.testing.assert_allclose(found.latents[["mean_a", "mean_b"]].T, means)
    assert list(found.latents["topic"]) == fit.factor_names
    assert found.latents["lfsr"][0] < 0.01
    assert (found.unit, found.n_a, found.n_b) == ("cell", 240, 240)
    assert list(found.units["cells"]) == [240, 240]


@pytest.mark.slow
@pytest.mark.parametrize("of_donors", [0.0, 0.5])
def test_the_size_of_both_tests(of_donors: float) -> None:
    """Cells of donors that differ are no independent units."""
    rng, sizes = np.random.default_rng(1), []
    for _ in range(60):
        fit, counts = fitted(rng, 0.0, of_donors)
        tests = [engine.latent_differences(fit, counts, ILL, donor=own) for own in ("donor", None)]
        sizes.append([(one.latents["p_value"] < 0.05).mean() for one in tests])
    donors, cells = np.mean(sizes, axis=0)
    assert donors == pytest.approx(0.05, abs=0.04)
    assert cells == pytest.approx(0.05, abs=0.04) if of_donors == 0 else cells > 0.3


def test_donors_of_both_groups_and_few() -> None:
    fit, counts = fitted(np.random.default_rng(2), 0.0, 0.5)
    half = NUMBER % 2 == 0
    found = engine.latent_differences(fit, counts, half, donor="donor")
    assert (found.unit, found.n_a, found.n_b) == ("donor", 8, 8)
    assert list(found.units["group"]) == ["a"] * 8 + ["b"] * 8
    own = fit.proportions[half & (NUMBER < 60)].mean(0)
    np.testing.assert_allclose(found.units.loc[0, fit.factor_names].astype(float), own)
    some = NUMBER < 120
    few = engine.latent_differences(fit, counts, half & some, ~half & some, donor="donor")
    assert few.latents["difference"].notna().all()
    assert few.latents[["standard_error", "p_value", "lfsr"]].isna().all(axis=None)
    assert "Nothing is tested" in few.notes[0]
    drawn = engine.latent_differences(fit, counts, half, data_driven=True)
    assert drawn.latents["p_value"].isna().all()
    with pytest.raises(ConfigError, match="240 cells in both"):
        engine.latent_differences(fit, counts, half, half)


def test_a_topic_that_a_group_lacks() -> None:
    fit, counts = fitted(np.random.default_rng(3), 0.0, 0.0)
    shares = fit.proportions.copy()
    shares[ILL, 0] = 0
    fit = replace(fit, proportions=shares / shares.sum(1, keepdims=True))
    found = engine.latent_differences(fit, counts, ILL, donor="donor")
    assert np.isfinite(found.latents.drop(columns="topic").to_numpy(float)).all()
    assert found.latents["difference"][0] < -2
