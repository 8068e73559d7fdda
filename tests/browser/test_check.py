"""The Check tab: a run is checked, what does not fit is told, drawn, chosen and taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    LONG,
    button,
    card,
    chips,
    choose,
    export,
    open_run,
    visible,
    wait_until_drawn,
)
from tests.dashboard.saved import EVIL, save_run
from tests.dashboard.synthetic import make_fit
from tests.server import Server

pytestmark = pytest.mark.browser

# Of a card in the dark theme.
DARK = "rgb(24, 28, 31)"
FOUND = re.compile(r"Variance \w+predicted for \d+ genes \(GENE")


def test_a_run_is_checked_and_genes_are_chosen(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    open_run(page, save_run(server.home, make_fit(60, 30, 2, capture=False)), "Check")
    counts, table = card(page, "Counts of genes"), card(page, "Genes that do not fit")
    visible(counts.get_by_text("Press Check"))
    choose(page, "Cells", "each cell_type")
    button(page, "Check").click()
    visible(page.get_by_text("Done in"), LONG)

    # the counts have little to do with the fit
    words = card(page, "What does not fit")
    visible(words.get_by_text(FOUND).first)
    expect(words).to_contain_text("60 cells, 100 draws")
    # what goes on below fades out
    expect(words.locator(".scroll")).to_have_css("mask-image", re.compile("gradient"))
    expect(words).to_contain_text(EVIL)
    expect(page.locator("img[onerror]")).to_have_count(0)
    wait_until_drawn(counts, 10)
    charts = page.locator(".card").filter(has=page.get_by_role("tab", name="Residuals"))
    wait_until_drawn(charts, 10)

    # a gene is chosen in the table
    first = table.locator('.tabulator-row [tabulator-field="c0"]').nth(1)
    gene = first.inner_text()
    first.click()
    expect(visible(counts.get_by_role("list", name="Chosen"))).to_contain_text(gene)
    charts.get_by_role("tab", name="Residuals").click()
    visible(charts.get_by_text("within the band"))
    wait_until_drawn(charts, 10)
    for menu in ("Export counts of genes", "Export chart"):
        assert export(page, menu, "SVG", tmp_path).read_text("utf-8").startswith("<?xml")
    path = export(page, "Export table of genes", "CSV", tmp_path)
    assert gene in set(pd.read_csv(path)["gene"])

    # the page, reloaded, is where it was, and as dark: the check is not made again
    before = chips(page)
    page.get_by_role("button", name="Toggle theme").click()
    expect(words).to_have_css("background-color", DARK)
    page.reload()
    visible(page.get_by_text("Done in"))
    visible(words.get_by_text(FOUND).first)
    wait_until_drawn(counts, 10)
    assert chips(page) == before
    expect(words).to_have_css("background-color", DARK)
    page.get_by_role("button", name="Toggle theme").click()
    assert not foreign
    assert server.complaints() == []
