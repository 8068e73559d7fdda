"""The report of a run, from the button to the file that opens anywhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.saved import gene_name, save_run
from dashboard.report.control import AREA, LABEL
from tests.browser.steps import (
    button,
    card,
    export,
    find_gene,
    own_context,
    visible,
    wait_until_drawn,
)
from tests.server import Server

WRITTEN = re.compile(r"^Raw counts of 300 cells of simulated 300 .* with seed 0\.", re.DOTALL)

pytestmark = pytest.mark.browser


@pytest.fixture
def run(server: Server) -> Iterator[str]:
    made = save_run(server.home, 300, 60, 3)
    yield made
    shutil.rmtree(server.home / "runs" / made)


def test_the_open_run_is_taken_away(
    page: Page, browser: Browser, server: Server, run: str, tmp_path: Path
) -> None:
    page.goto(f"{server.url}?run={run}")
    wait_until_drawn(card(page, "Cells"), 30)
    find_gene(page, gene_name(7))
    report = export(page, LABEL, "Report (HTML)", tmp_path)
    assert report.name == "logratio_simulated-300_simulated-300-cells_report.html"
    expect(page.get_by_text(re.compile("^Drawing "))).to_have_count(0)

    button(page, LABEL).click()
    page.get_by_role("menuitem", name="Methods text").click()
    text = page.get_by_role("textbox", name=AREA)
    expect(visible(text)).to_have_value(WRITTEN)
    button(page, "Copy").click()
    visible(page.get_by_text("Copied."))
    page.screenshot(path=tmp_path / "page.png")
    button(page, "Close").click()
    expect(text).to_have_count(0)
    assert server.complaints() == []
    look_at(browser, report, tmp_path)


def look_at(browser: Browser, report: Path, folder: Path) -> None:
    """Open the file with nothing else in reach."""
    context = own_context(browser)
    page, said, asked = context.new_page(), [], []

    def guard(route: Route) -> None:
        if route.request.url != report.as_uri():
            asked.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    context.route("**/*", guard)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("simulated · 300 cells")
    for name in ("Methods", "Data", "Figures", "Factors", "Settings", "To make it again"):
        visible(page.get_by_role("heading", name=name, exact=True, level=2))
    # those of the Explore tab, with the gene that was looked for
    for name in ("Cells", "Gene correlations", "Loadings", f"Near {gene_name(7)}"):
        box = page.get_by_role("img", name=name, exact=True).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 100
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=folder / "report.png", full_page=True)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation")).to_be_hidden()
    assert page.pdf(path=folder / "report.pdf", format="A4").startswith(b"%PDF")
    assert (said, asked) == ([], [])
    context.close()
