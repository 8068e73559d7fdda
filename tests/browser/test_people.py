"""Two people who log in on one server, each in a browser of their own."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.saved import save_run
from tests.browser.steps import PATIENCE, card, log_in, own_context, visible, wait_until_drawn
from tests.server import Server

pytestmark = pytest.mark.browser


def save_run_of_ada(lab: Server) -> str:
    run = save_run(lab.home, 300, 60, 3)
    file = lab.home / "runs" / run / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"owner": "ada"}))
    return run


def open_run(browser: Browser, lab: Server, run: str, name: str) -> Page:
    """Log in, in a browser of one's own."""
    context = own_context(browser)
    page = context.new_page()
    log_in(page, f"{lab.url}?run={run}", name)
    return page


def test_a_run_is_opened_by_others_once_its_owner_shares_it(browser: Browser, lab: Server) -> None:
    run = save_run_of_ada(lab)
    expect.set_options(timeout=PATIENCE)
    errors: list[str] = []
    ada = open_run(browser, lab, run, "ada")
    ada.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    wait_until_drawn(card(ada, "Cells"), 30)
    visible(ada.get_by_role("link", name="Log out"))
    bob = open_run(browser, lab, run, "bob")
    refusal = bob.get_by_role("alert").filter(has_text="belongs to ada")
    expect(visible(refusal)).to_contain_text("Ask ada to share it")
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
    visible(refusal)
    assert errors == []
    assert lab.complaints() == []
    ada.get_by_role("link", name="Log out").click()
    ada.goto(lab.url)
    visible(ada.get_by_label("Username"))
    for page in (ada, bob):
        page.context.close()
