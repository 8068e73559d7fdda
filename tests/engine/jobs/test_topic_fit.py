from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config import LDAConfig
from engine.data import DataRequest, simulate
from engine.jobs import Jobs
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.results import TopicFit
from tests.engine.jobs.fakes import ended


@pytest.mark.parametrize("inference", ["em", "vae"])
def test_topics_are_fitted_and_resumed_in_the_queue(
    serve: Callable[..., Jobs], tmp_path: Path, inference: str
) -> None:
    path = tmp_path / "sim.h5ad"
    simulate("lda", cells=80, genes=30, factors=2, seed=2).write_h5ad(path)
    jobs = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    config = LDAConfig(n_topics=2, inference=inference, max_passes=8, max_epochs=2, hidden=8)  # type: ignore[arg-type]
    id = jobs.submit_fit(DataRequest(str(path), genes="all"), config)
    assert jobs.status(id).name == "sim · lda k2"
    done = ended(jobs, id)
    assert done.state == "done", done.message
    fit = jobs.result(id)
    assert isinstance(fit, TopicFit)
    assert fit.config == config
    assert done.passes == fit.status.passes
    assert done.log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell)
