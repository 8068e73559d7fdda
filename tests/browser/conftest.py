from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.chromium import launch

ROOT = Path(__file__).parents[2]
# Milliseconds; nothing waits longer than it must, but a busy machine is slow.
PATIENCE = 60_000
RAISED = re.compile(r"^[\w.]*(?:Error|Exception|Warning)\b.*", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """A ``panel serve app.py`` of the test's own."""

    url: str
    log: Path

    def complaints(self) -> list[str]:
        """Exceptions in the log, but for those of a browser that went away."""
        found = RAISED.findall(self.log.read_text("utf-8", "replace"))
        return [line for line in found if "ClosedError" not in line]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k not in ("DATA", "BOKEH_RESOURCES")}
    environment["LOGRATIO_HOME"] = str(folder / "home")
    log = folder / "log"
    command = [sys.executable, "-m", "panel", "serve", "app.py", "--address", "127.0.0.1"]
    command += ["--port", str(port), "--allow-websocket-origin", f"127.0.0.1:{port}"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(port, process, log)
        yield Server(f"http://127.0.0.1:{port}/app", log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"panel serve did not start:\n{log.read_text('utf-8', 'replace')}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def foreign() -> list[str]:
    """Addresses on other hosts that the page asked for."""
    return []


@pytest.fixture
def page(browser: Browser, server: Server, foreign: list[str]) -> Iterator[Page]:
    """A page that can reach the server and nothing else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.goto(server.url)
    yield page
    context.close()
