"""What the first visitor would otherwise wait for: libraries, compiled code, the data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dashboard.imports import slowly
from dashboard.services import Services
from dashboard.state import AppState

CLEAN_SECONDS = 3600.0

_log = logging.getLogger(__name__)


def start(services: Services, source: str) -> threading.Thread:
    """Warm the server up, beside whatever else it does."""
    thread = threading.Thread(target=_warm, args=(services, source), name="warm", daemon=True)
    thread.start()
    return thread


def keep_clean(services: Services, seconds: float = CLEAN_SECONDS) -> threading.Event:
    """Remove every so often what was left half-written in the home, until the event is set."""
    end = threading.Event()

    def work() -> None:
        services.clean()
        while not end.wait(seconds):
            services.jobs.clean()
            services.clean()

    threading.Thread(target=work, name="clean", daemon=True).start()
    return end


def _warm(services: Services, source: str) -> None:
    def read() -> None:
        # As a page asks for them, so that the first one finds them read.
        services.reader.submit(AppState(source=source).request()).future.result()

    steps: tuple[Callable[[], object], ...] = (
        read,
        services.embedder.warm_up,
        # matplotlib looks for the fonts of the system when it is first imported.
        lambda: slowly("dashboard.figures"),
        lambda: slowly("matplotlib.font_manager"),
    )
    for step in steps:
        try:
            step()
        except Exception as error:
            # Whoever needs it will be told; the server starts without.
            _log.warning("Warming up: %s: %s", type(error).__name__, error)
