"""Sessions on one server: each sees its own, and what it held goes with it."""

from __future__ import annotations

import functools
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.saved import gene_name, save_run
from tests.browser.steps import (
    PATIENCE,
    card,
    chips,
    draw_around,
    find_gene,
    own_context,
    visible,
    wait_for_umap,
    wait_until_drawn,
)
from tests.server import Server, serve
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

# The app, and beside it a count of what sessions hold.
COUNTED = """
from pathlib import Path

import dashboard
from tests import counting

counting.begin(Path(__file__).with_name("held"))
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


def open_run(browser: Browser, server: Server, run: str, requests: list[str] | None = None) -> Page:
    """A page of its own.

    Given a list for the addresses that it asks for, its browser is so slow that the session has
    ended when it joins.
    """
    context = own_context(browser)
    page = context.new_page()
    if requests is not None:
        page.on("request", lambda request: requests.append(request.url))
        page.route("**/bokeh.min.js*", functools.partial(hold_back, server))
    page.goto(f"{server.url}?run={run}")
    wait_until_drawn(card(page, "Cells"), 30)
    return page


def hold_back(server: Server, route: Route) -> None:
    wait_until_freed(server)
    route.continue_()


def held(server: Server) -> list[int]:
    """States that live now, and those among them that hold a fit."""
    file = server.home.with_name("held")
    file.unlink(missing_ok=True)
    wait_for(file.exists)
    return [int(number) for number in file.read_text().split()]


def wait_until_freed(server: Server) -> None:
    """All states, of sessions that have ended."""
    deadline = time.monotonic() + PATIENCE / 1000
    while (living := held(server))[0]:
        assert time.monotonic() < deadline, f"states, and with a fit: {living}"
        time.sleep(0.5)
    assert server.complaints() == []


def test_a_session_that_no_browser_joined_is_freed_even_if_it_was_the_first(
    own: Server, runs: tuple[str, str]
) -> None:
    """The first test, as the server is new to it."""
    with urllib.request.urlopen(f"{own.url}?run={runs[0]}") as answer:
        assert answer.status == 200
    wait_until_freed(own)


def test_sessions_never_see_each_other_and_free_what_they_held(
    browser: Browser, own: Server, runs: tuple[str, str]
) -> None:
    """Of different runs, then of the same; the first was late."""
    asked: list[str] = []
    first = open_run(browser, own, runs[0], asked)
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(own.url).netloc}
    second = open_run(browser, own, runs[1])
    draw_around(card(first, "Cells"))
    visible(first.get_by_text(" of 300 cells"))
    find_gene(second, gene_name(70))
    visible(second.get_by_role("heading", name=gene_name(70), exact=True))
    first.get_by_role("textbox", name="Path of the counts").fill("/no/such.h5ad")
    first.keyboard.press("Enter")
    expect(visible(first.get_by_role("alert"))).to_contain_text("/no/such.h5ad")
    assert [text.split()[1] for text in chips(first)] == ["cells"]
    assert [text.split()[0] for text in chips(second)] == [gene_name(70)]
    visible(first.get_by_text("simulated · 300 cells").first)
    expect(second.get_by_role("alert").filter(has_text="/no/such.h5ad")).to_have_count(0)
    expect(second.get_by_text(" of 500 cells")).to_have_count(0)
    first.wait_for_url(f"**run={runs[0]}**cells=**")
    assert f"run={runs[1]}" in second.url
    assert "cells=" not in second.url

    first.get_by_role("button", name=re.compile("^simulated · 500 cells")).click()
    first.wait_for_url(f"**run={runs[1]}**")
    wait_until_drawn(card(first, "Cells"), 30)
    wait_until_drawn(card(second, "Cells"), 30)
    wait_for_umap(second)
    draw_around(card(second, "Cells"))
    second.wait_for_url("**cells=**")
    visible(second.get_by_text(" of 500 cells"))
    expect(first.get_by_text(" of 500 cells")).to_have_count(0)
    assert chips(first) == []
    assert "cells=" not in first.url
    assert "gene" not in first.url

    # what they held goes with them, whether they go as they came or with cells drawn around
    deadline = time.monotonic() + PATIENCE / 1000
    while (living := held(own))[1] != 2:
        assert time.monotonic() < deadline, f"states, and with a fit: {living}"
        time.sleep(0.2)
    for page in (first, second):
        page.context.close()
    wait_until_freed(own)
