from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.jobs import Jobs
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.results import TopicFit
from tests.engine.jobs.fakes import ended
from tests.tiny import LDA, tiny_file

pytestmark = pytest.mark.fit


@pytest.mark.parametrize("inference", ["em", "vae"])
def test_topics_are_fitted_and_resumed_in_the_queue(
    serve: Callable[..., Jobs], tmp_path: Path, inference: str
) -> None:
    jobs = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    config = replace(LDA, inference=inference, max_epochs=2, hidden=8)
    id = jobs.submit_fit(tiny_file(tmp_path, "lda"), config)
    assert jobs.status(id).name == "sim · lda k2"
    done = ended(jobs, id)
    assert done.state == "done", done.message
    fit = jobs.result(id)
    assert isinstance(fit, TopicFit)
    assert fit.config == config
    assert done.passes == fit.status.passes
    assert done.log_marginal_per_cell == pytest.approx(fit.log_marginal_per_cell)
