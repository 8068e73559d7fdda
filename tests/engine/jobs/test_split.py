"""A run that is fitted to one half of each count, the other kept to test groups by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.data import split_counts
from engine.errors import DataError
from engine.jobs import Jobs, check_same_counts
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.jobs.fitted_counts import counts_of
from engine.jobs.halves import _FILE
from engine.jobs.store import FIT
from engine.shell.command import fit_command
from engine.summaries import methods_text
from tests.engine.jobs.fakes import REQUEST, FakeFits, Serve, config, ended, folder, make_counts
from tests.engine.jobs.real_runs import HOLDOUT, more_file
from tests.tiny import LNM


@pytest.mark.fit
def test_the_fit_sees_one_half_and_the_other_is_kept(serve: Serve, tmp_path: Path) -> None:
    jobs, data = serve(fit_iter=engine_fit_iter, load_counts=engine_load), more_file(tmp_path)
    id = jobs.submit_fit(data, LNM, holdout=HOLDOUT, split=True)
    done = ended(jobs, id)
    assert done.state == "done", done.message
    whole, fit = data.load(), jobs.result(id)
    own = whole.take(whole.cells.get_indexer(fit.cells))
    half, other = split_counts(own, seed=LNM.seed)
    assert fit.total_counts == pytest.approx(half.totals)
    kept, aside = jobs.fit_counts(id), jobs.other_half(id)
    assert kept is not None
    assert (kept.toarray() == half.block(0, half.n_cells)).all()
    assert (aside.toarray() == other.block(0, other.n_cells)).all()
    assert fit.data["split"] is True
    assert "split in two by a binomial draw" in methods_text(fit)
    assert "--split" in fit_command(LNM, data, split=True).arguments

    # the same counts are known again, and others are not
    check_same_counts(jobs, id, whole)
    with pytest.raises(DataError, match="have changed"):
        check_same_counts(jobs, id, whole.take(np.arange(whole.n_cells - 1)))
    jobs.close()
    again = Jobs(jobs.home)
    assert again.status(id) == done
    # without the counts beside the fit they are read and split again
    again.fit_counts = lambda id: None  # type: ignore[method-assign]
    found = counts_of(again, id, fit)
    assert (found.block(0, found.n_cells) == half.block(0, half.n_cells)).all()
    again.close()


def test_without_a_half_that_can_be_read_it_is_said(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    id = jobs.submit_fit(REQUEST, config(1), counts=make_counts())
    assert ended(jobs, id).split is False
    assert (folder(jobs, id) / FIT).exists()
    for damage in (None, b"nothing"):
        if damage is not None:
            (folder(jobs, id) / _FILE).write_bytes(damage)
        with pytest.raises(DataError, match="the other half of the counts"):
            jobs.other_half(id)
