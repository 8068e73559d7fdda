from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.jobs import Jobs
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.results import Fit
from tests.engine.jobs.fakes import ended
from tests.tiny import LNMVCP, tiny_file

pytestmark = pytest.mark.fit


def test_log_ratios_are_fitted_by_an_encoder_in_the_queue(
    serve: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    config = replace(LNMVCP, inference="vae", max_epochs=2, hidden=8)
    id = jobs.submit_fit(tiny_file(tmp_path, "lnmvcp"), config)
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
