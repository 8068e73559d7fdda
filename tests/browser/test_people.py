"""Two people who log in on one server, each in a browser of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.saved import save_run
from tests.browser.steps import PATIENCE, card, wait_until_drawn
from tests.server import Server, serve

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def run(folder: Path) -> str:
    """A run of ada's."""
    id = save_run(folder / "home", 300, 60, 3)
    file = folder / "home" / "runs" / id / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"owner": "ada"}))
    return id


@pytest.fixture(scope="module")
def lab(folder: Path, run: str) -> Iterator[Server]:
    known = folder / "people.json"
    known.write_text(json.dumps({"ada": "x", "bob": "y"}))
    flags = ("--warm", "--basic-auth", str(known), "--cookie-secret", "a secret of this test")
    with serve(folder, *flags) as server:
        yield server


def log_in(browser: Browser, lab: Server, run: str, name: str, password: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{lab.url}?run={run}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    return page


def test_a_run_is_opened_by_others_once_its_owner_shares_it(
    browser: Browser, lab: Server, run: str
) -> None:
    expect.set_options(timeout=PATIENCE)
    errors: list[str] = []
    ada = log_in(browser, lab, run, "ada", "x")
    ada.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    wait_until_drawn(card(ada, "Cells"), 30)
    expect(ada.get_by_role("link", name="Log out")).to_be_visible()
    bob = log_in(browser, lab, run, "bob", "y")
    refusal = bob.get_by_role("alert").filter(has_text="belongs to ada")
    expect(refusal).to_contain_text("Ask ada to share it")
    expect(bob.get_by_text("simulated")).to_have_count(0)
    expect(bob.get_by_role("button", name="Delete")).to_have_count(0)
    share = ada.get_by_role("button", name="Shared with everyone on this server")
    expect(share).to_have_attribute("aria-pressed", "false")
    share.click()
    expect(share).to_have_attribute("aria-pressed", "true")
    bob.get_by_text("of ada").click()
    wait_until_drawn(card(bob, "Cells"), 30)
    expect(bob.get_by_role("button", name="Delete")).to_have_count(0)
    share.click()
    expect(refusal).to_be_visible()
    assert errors == []
    assert lab.complaints() == []
    ada.get_by_role("link", name="Log out").click()
    ada.goto(lab.url)
    expect(ada.get_by_label("Username")).to_be_visible()
    for page in (ada, bob):
        page.context.close()
