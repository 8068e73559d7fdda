"""Pictures of the page for the documentation: the demo data, fitted and looked at as a person does.

``make docs`` runs it: a server of its own, the Chromium of the tests, about a minute on 2 cores.
The files go to ``docs/_images/``, and are not kept with the code.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.steps import (
    LONG,
    button,
    card,
    find_gene,
    fit,
    open_model,
    wait_for_umap,
    wait_until_drawn,
)
from tests.chromium import launch
from tests.server import serve

IMAGES = Path(__file__).parent / "_images"


def shot(page: Page, name: str) -> None:
    """Keep what the window shows, once nothing moves."""
    page.mouse.move(4, 4)
    # The page is covered while it is built.
    expect(page.locator("#loader")).to_be_hidden()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(700)
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
    print(f"docs/_images/{name}.png", flush=True)


def first_fit(page: Page) -> None:
    """What `first_fit.md` goes through."""
    expect(page.get_by_text("700 cells × 765 genes")).to_be_visible(timeout=LONG)
    shot(page, "data")
    fit(page)
    wait_for_umap(page)
    heatmap = card(page, "Gene correlations")
    wait_until_drawn(heatmap, 50)
    shot(page, "explore")
    button(page, "Pairs in full colour").click()
    page.get_by_role("menuitem", name="false or small at most 5 %").click()
    expect(heatmap.locator(".how")).to_contain_text("Veiled")
    find_gene(page, "NKG7")
    expect(page.get_by_role("heading", name=re.compile("^NKG7"))).to_be_visible()
    expect(heatmap.get_by_role("combobox", name="Genes")).to_have_text("Near NKG7")
    shot(page, "gene")
    page.get_by_role("button", name=re.compile("^Compare NKG7 with ")).first.click()
    expect(page.get_by_text(re.compile(r"^Model: r = "))).to_be_visible()
    shot(page, "pair")


def number(page: Page) -> None:
    """Why there are as many factors."""
    page.get_by_role("tab", name="Data").click()
    expect(card(page, "Number of factors")).to_be_visible()
    shot(page, "number")


def check(page: Page) -> None:
    """What does not fit."""
    page.get_by_role("tab", name="Check").click()
    button(page, "Check").click()
    expect(page.get_by_text("Done in")).to_be_visible(timeout=LONG)
    wait_until_drawn(card(page, "Counts of genes"), 10)
    shot(page, "check")


def topics(page: Page) -> None:
    """Another model of the same cells, and both side by side."""
    open_model(page)
    button(page, "LDA").click()
    field = page.get_by_role("textbox", name="Topics")
    field.fill("6")
    field.press("Enter")
    page.get_by_role("tab", name="Explore").click()
    fit(page)
    wait_for_umap(page)
    page.get_by_role("tab", name="Topics").click()
    for title in ("Topic map", "Structure", "Genes of the topic"):
        wait_until_drawn(card(page, title), 8)
    shot(page, "topics")
    page.get_by_role("tab", name="Compare").click()
    wait_until_drawn(card(page, "Cells in both runs"), 5)
    shot(page, "compare")


def main() -> None:
    """Take all of them."""
    IMAGES.mkdir(exist_ok=True)
    expect.set_options(timeout=LONG)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(LONG)
        page.goto(server.url)
        first_fit(page)
        number(page)
        check(page)
        topics(page)
        browser.close()


if __name__ == "__main__":
    main()
