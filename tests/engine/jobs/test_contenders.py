"""What a comparison reads of a run, from its folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import EngineError
from engine.jobs import Jobs, JobStatus, contender
from engine.jobs.check_file import FILE, latest
from engine.jobs.store import FIT, RunStore
from engine.lnm.config import LNMConfig
from engine.results import AnyFit, outline
from tests.engine.summaries.made_topics import made_topics
from tests.engine.summaries.made_up import made


def keep(home: Path, fit: AnyFit, name: str, *, empty: bool = False) -> JobStatus:
    status = JobStatus.new("fit", name, config=fit.config.to_dict())
    store = RunStore(home)
    lock = store.create(status)
    if not empty:
        fit.save(store.path(status.id, FIT))
    ended = replace(status, state="done", passes=3, seconds=2.0)
    store.write_status(ended)
    lock.release()
    return ended


def test_outline_is_that_of_the_fit(tmp_path: Path) -> None:
    for fit in (made(7, 2, 0), made_topics(7, 3, 0, cells=9)):
        fit = replace(fit, data={"fingerprint": "abc"})
        found = outline(fit.save(tmp_path / "fit.h5ad"))
        assert found.cells.equals(fit.cells)
        assert found.genes.equals(fit.genes)
        np.testing.assert_array_equal(found.total_counts, fit.total_counts)
        assert (found.fingerprint, found.is_bound) == ("abc", False)
    assert found.log_marginal is None


@pytest.mark.parametrize(("refine", "bound"), [(True, False), (False, True)])
def test_an_encoder_gives_bounds_unless_refined(tmp_path: Path, refine: bool, bound: bool) -> None:
    fit = replace(made(5, 2, 0), config=LNMConfig(n_factors=2, inference="vae", refine=refine))
    assert outline(fit.save(tmp_path / "fit.h5ad")).is_bound == bound


def test_names_are_shared_and_misfits_read(tmp_path: Path) -> None:
    one, two = (keep(tmp_path, made(7, k, k), f"run {k}") for k in (2, 3))
    jobs = Jobs(tmp_path)
    try:
        row = {"discrepancy": "zeros", "n_genes": 4}
        rows = [row | {"group": group} for group in ("all cells", "b")]
        text = json.dumps({"map": {"mode": "map", "passes": 3, "misfits": rows}})
        (jobs.folder(two.id) / FILE).write_text(text)
        first = contender(jobs, one)
        other = contender(jobs, two, first)
        assert (first.checked, other.checked["map"]["misfits"]) == ({}, {"zeros": 4})
        assert other.outline.cells is first.outline.cells
        assert other.outline.genes is first.outline.genes
        assert (other.config.n_factors, other.seconds, other.passes) == (3, 2.0, 3)
        assert other.cells is None
        with pytest.raises(EngineError, match="a run with a result; found none in 'empty'"):
            contender(jobs, keep(tmp_path, made(7, 2, 0), "empty", empty=True))
    finally:
        jobs.close()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"map": 3}', '{"map": {"passes": 3, "misfits": [{"group": "all cells"}]}}']
)
def test_a_damaged_check_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert latest(tmp_path, 3) is None
