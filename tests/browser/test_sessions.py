"""Sessions on one server: each sees its own, and what it held goes with it."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.saved import gene_name, save_run
from tests.browser.steps import PATIENCE, card, chips, draw_around, find_gene, wait_until_drawn
from tests.server import Server, serve

pytestmark = pytest.mark.browser

# The app, and beside it a count of what sessions hold.
COUNTED = """
import threading
from pathlib import Path

import dashboard


def count(path):
    # What the module knows goes when its session ends.
    import gc
    import time

    from dashboard.state import AppState

    while True:
        gc.collect()
        held = [thing for thing in gc.get_objects() if type(thing) is AppState]
        path.write_text(f"{len(held)} {sum(state.fit is not None for state in held)}")
        del held
        time.sleep(0.5)


if "counting" not in {thread.name for thread in threading.enumerate()}:
    path = Path(__file__).with_name("held")
    threading.Thread(target=count, args=(path,), name="counting", daemon=True).start()
dashboard.build().servable()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[str, str]:
    return save_run(folder / "home", 300, 60, 3), save_run(folder / "home", 500, 80, 4)


@pytest.fixture(scope="module")
def own(folder: Path, runs: tuple[str, str]) -> Iterator[Server]:
    app = folder / "counted.py"
    app.write_text(COUNTED)
    brief = ("--unused-session-lifetime", "1000", "--check-unused-sessions", "500")
    with serve(folder, *brief, app=app) as server:
        yield server


def open_run(browser: Browser, server: Server, run: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{server.url}?run={run}")
    wait_until_drawn(card(page, "Cells"), 30)
    return page


def counted(server: Server) -> Path:
    return server.home.with_name("held")


def held(server: Server) -> list[int]:
    """States that live, and those among them that hold a fit."""
    text = counted(server).read_text() if counted(server).exists() else ""
    return [int(number) for number in text.split()]


def wait_until_freed(server: Server) -> None:
    """All states, of sessions that have ended."""
    deadline = time.monotonic() + PATIENCE / 1000
    while held(server)[:1] != [0]:
        assert time.monotonic() < deadline, f"states, and with a fit: {held(server)}"
        time.sleep(0.5)
    assert server.complaints() == []


def test_a_session_that_no_browser_joined_is_freed_even_if_it_was_the_first(
    own: Server, runs: tuple[str, str]
) -> None:
    """The first test, as the server is new to it."""
    with urllib.request.urlopen(f"{own.url}?run={runs[0]}") as answer:
        assert answer.status == 200
    # What was counted before the session began says nothing.
    counted(own).unlink(missing_ok=True)
    wait_until_freed(own)


def test_two_sessions_never_see_each_other(
    browser: Browser, own: Server, runs: tuple[str, str]
) -> None:
    first, second = (open_run(browser, own, run) for run in runs)
    draw_around(card(first, "Cells"))
    expect(first.get_by_text(" of 300 cells")).to_be_visible()
    find_gene(second, gene_name(70))
    expect(second.get_by_role("heading", name=gene_name(70), exact=True)).to_be_visible()
    first.get_by_role("textbox", name="Path of the counts").fill("/no/such.h5ad")
    first.keyboard.press("Enter")
    expect(first.get_by_role("alert")).to_contain_text("/no/such.h5ad")
    assert [text.split()[1] for text in chips(first)] == ["cells"]
    assert [text.split()[0] for text in chips(second)] == [gene_name(70)]
    expect(first.get_by_text("simulated · 300 cells").first).to_be_visible()
    expect(second.get_by_role("alert").filter(has_text="/no/such.h5ad")).to_have_count(0)
    expect(second.get_by_text(" of 500 cells")).to_have_count(0)
    first.wait_for_url(f"**run={runs[0]}**cells=**")
    assert f"run={runs[1]}" in second.url
    assert "cells=" not in second.url
    first.context.close()
    second.context.close()
    wait_until_freed(own)


def test_a_session_that_ends_frees_what_it_held(
    browser: Browser, own: Server, runs: tuple[str, str]
) -> None:
    pages = [open_run(browser, own, run) for run in (*runs, *runs)]
    deadline = time.monotonic() + PATIENCE / 1000
    while held(own)[1:] != [4]:
        assert time.monotonic() < deadline, f"states, and with a fit: {held(own)}"
        time.sleep(0.2)
    for page in pages:
        draw_around(card(page, "Cells"))
        page.context.close()
    wait_until_freed(own)
