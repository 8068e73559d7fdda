"""Warm-up of the server: imports, compilation and data that the first page would wait for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dashboard.imports import slowly
from dashboard.services import Services
from dashboard.state import AppState

CLEAN_SECONDS = 3600.0

_log = logging.getLogger(__name__)


def preload(services: Services, source: str) -> threading.Thread:
    """Warm the server up in a background thread."""
    thread = threading.Thread(target=_preload, args=(services, source), name="preload", daemon=True)
    thread.start()
    return thread


def keep_clean(services: Services, seconds: float = CLEAN_SECONDS) -> threading.Event:
    """Remove half-written files from the home every ``seconds``, until the event is set."""
    end = threading.Event()

    def work() -> None:
        services.clean()
        while not end.wait(seconds):
            services.jobs.clean()
            services.clean()

    threading.Thread(target=work, name="clean", daemon=True).start()
    return end


def _preload(services: Services, source: str) -> None:
    def read() -> None:
        # With the settings of a new page, so that the first page finds these counts read.
        services.reader.submit(AppState(source=source).request()).future.result()

    steps: tuple[Callable[[], object], ...] = (
        read,
        services.embedder.compile_layout,
        # matplotlib looks for the fonts of the system when it is first imported.
        lambda: slowly("dashboard.figures"),
        lambda: slowly("matplotlib.font_manager"),
    )
    for step in steps:
        try:
            step()
        except Exception as error:
            # The server starts anyway; a later use of this step gets the error.
            _log.warning("Warming up: %s: %s", type(error).__name__, error)
