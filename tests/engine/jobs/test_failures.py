from __future__ import annotations

import jax
import pytest

from engine.errors import DataError, EngineError, FitError
from engine.jobs import Jobs
from engine.jobs.failures import OUT_OF_MEMORY, describe
from tests.engine.jobs.fakes import REQUEST, FakeFits, config, ended, submit

DIVERGED = FitError("a finite objective", "NaN after pass 2", "Choose fewer factors.")
EXHAUSTED = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DIVERGED, str(DIVERGED)),
        (MemoryError(), OUT_OF_MEMORY),
        (EXHAUSTED, OUT_OF_MEMORY),
        (RuntimeError("RESOURCE_EXHAUSTED"), "Unexpected RuntimeError: RESOURCE_EXHAUSTED"),
        (ValueError("one\ntwo"), "Unexpected ValueError: one"),
        (ValueError(), "Unexpected ValueError: no further details"),
    ],
)
def test_any_failure_is_one_plain_line(error: BaseException, text: str) -> None:
    assert describe(error) == text
    assert "\n" not in text


class Panic(BaseException):
    """As libraries written in Rust raise them."""


@pytest.mark.parametrize("error", [DIVERGED, MemoryError(), EXHAUSTED, ValueError("odd"), Panic()])
def test_a_failure_ends_the_run_and_the_queue_goes_on(
    jobs: Jobs, fits: FakeFits, error: BaseException
) -> None:
    fits.fails[1] = error
    ids = [submit(jobs, 1), submit(jobs, 2)]
    for seed in (1, 2):
        fits.allow(seed)
    failed = ended(jobs, ids[0])
    assert failed.state == "failed"
    assert failed.message.startswith(describe(error))
    assert ended(jobs, ids[1]).state == "done"
    log = jobs.home / "runs" / ids[0] / "log.txt"
    expected = isinstance(error, EngineError | MemoryError) or error is EXHAUSTED
    assert log.exists() is not expected
    if not expected:
        assert "Traceback" in log.read_text()
        assert str(log) in failed.message
    assert not any("Traceback" in line for line in (*failed.log, failed.message))


def test_bad_data_ends_the_run(serve, fits: FakeFits) -> None:
    error = DataError("counts", "none", "Bring some.")

    def load_counts(request: object) -> None:
        raise error

    jobs = serve(load_counts=load_counts)
    id = jobs.submit_fit(REQUEST, config(1))
    assert (ended(jobs, id).state, jobs.status(id).message) == ("failed", str(error))
    assert fits.begun == []


def test_a_failed_run_resumes_from_its_checkpoint(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    fits.fails[1] = MemoryError()
    fits.allow(1)
    assert ended(jobs, id).state == "failed"
    assert jobs.result(id).status.passes == 1
    fits.fails.clear()
    jobs.resume(id)
    assert ended(jobs, id).state == "done"
    assert fits.starts == [None, 1]


def test_a_failure_after_cancel_is_a_cancel(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    fits.wait_for_pull(1, 1)
    fits.fails[1] = ValueError("odd")
    jobs.cancel(id)
    fits.allow(1)
    assert ended(jobs, id).state == "cancelled"


def test_a_failed_task_says_so_and_the_lane_goes_on(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    def work(handle: object) -> None:
        raise ValueError("odd")

    failed, fine = jobs.submit("bad", work), jobs.submit("good", lambda handle: 1)
    assert ended(jobs, fine).state == "done"
    status = jobs.status(failed)
    assert (status.state, status.message) == ("failed", "Unexpected ValueError: odd")
    assert jobs.result(failed) is None
    assert "The task bad failed" in caplog.text


def test_the_end_of_a_fit_without_any_step_is_a_failure(serve) -> None:
    jobs = serve(fit_iter=lambda counts, config, *, start=None: (step for step in ()))
    assert ended(jobs, submit(jobs, 1)).state == "failed"
