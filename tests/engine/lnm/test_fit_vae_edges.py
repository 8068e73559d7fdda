"""LNM by an encoder at the edge of its settings: fits that end, whatever they are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from tests import tiny

pytestmark = pytest.mark.fit

CONFIG = engine.LNMConfig(
    n_factors=1, inference="vae", hidden=8, batch_cells=27, block_cells=80, max_epochs=2
)


def test_one_factor() -> None:
    fit = engine.fit(tiny.tiny_counts(), CONFIG)
    assert fit.scores.shape == (tiny.CELLS, 1)
    assert np.isfinite(fit.log_marginal).all()
    assert (fit.noise > 0).all()


def test_one_factor_of_low_rank_with_dropout_and_a_constant_rate() -> None:
    config = replace(CONFIG, d_mode="low_rank", refine=False, dropout=0.1, schedule="constant")
    fit = engine.fit(tiny.tiny_counts(), config)
    assert fit.scores.shape == (tiny.CELLS, 1)
    assert np.isfinite(fit.log_marginal).all()
    assert (fit.noise > 0).sum() == 0
