from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.config import LNMConfig
from engine.data import DataRequest, simulate
from engine.jobs import Jobs
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.results import Fit
from tests.engine.jobs.fakes import ended


def test_log_ratios_are_fitted_by_an_encoder_in_the_queue(
    serve: Callable[..., Jobs], tmp_path: Path
) -> None:
    path = tmp_path / "sim.h5ad"
    simulate("lnmvcp", cells=80, genes=30, factors=2, seed=2).write_h5ad(path)
    jobs = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    config = LNMConfig(n_factors=2, capture=True, inference="vae", max_epochs=2, hidden=8)
    id = jobs.submit_fit(DataRequest(str(path), genes="all"), config)
    done = ended(jobs, id)
    assert done.state == "done", done.message
    fit = jobs.result(id)
    assert isinstance(fit, Fit)
    assert fit.config == config
    assert fit.encoder
    assert np.isfinite(fit.scores).all()
    assert done.passes == fit.status.passes == 2
    assert done.message == fit.status.reason
    assert done.log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell)
