from __future__ import annotations

from pathlib import Path

from dashboard import startup
from dashboard.services import Services
from tests.waiting import wait_for


def test_a_server_that_stays_removes_what_was_left_half_written(services: Services) -> None:
    left = Path(services.jobs.home) / "runs" / ".new-1"
    left.mkdir()
    end = startup.keep_clean(services, seconds=0.01)
    wait_for(lambda: not left.exists())
    end.set()
