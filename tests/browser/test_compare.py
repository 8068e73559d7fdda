"""Runs side by side, as a person compares them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    card,
    choose,
    draw_around,
    export,
    open_run,
    visible,
    wait_until_drawn,
)
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.runs import save_runs
from tests.server import Server

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)>"


def test_runs_are_compared(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    one, two = make_fit(cells=80, genes=30), make_fit(cells=80, genes=30, factors=3, seed=1)
    two = replace(two, total_counts=one.total_counts, obs=one.obs)
    topics = replace(make_topic_fit(cells=80, genes=30), total_counts=one.total_counts, obs=one.obs)
    fits = [("topics", topics, 0.1), (EVIL, two, -0.1), ("first", one, 0.0)]
    ids = save_runs(server.home, fits)
    # beside the newest of the others
    open_run(page, ids[-1], "Compare")
    table, cells = card(page, "Runs side by side"), card(page, "Cells in both runs")
    changes, details = card(page, "Correlations"), page.locator(".card:visible").nth(1)
    visible(table.get_by_role("gridcell", name="A: first", exact=True))
    expect(visible(table.get_by_role("gridcell", name="same cells").first)).to_be_in_viewport(
        ratio=1
    )
    for view in (cells, changes):
        wait_until_drawn(view, 5)
    expect(page.locator("img[onerror]")).to_have_count(0)

    # a pair of genes that changed is chosen everywhere
    details.locator(".tabulator-row").first.click()
    expect(visible(page.get_by_role("list", name="Chosen").last)).to_contain_text("GENE")

    # cells drawn in one run are selected in both, and go with the address
    draw_around(cells, 0.6)
    expect(visible(page.get_by_role("list", name="Chosen").last)).to_contain_text("cells")
    page.wait_for_url("**cells=**")

    # a factor, and what goes with it
    page.get_by_role("tab", name="Matched").click()
    visible(details.get_by_role("gridcell", name="factor 5", exact=True).first)
    details.locator(".tabulator-row").nth(1).click()
    expect(visible(page.get_by_role("list", name="Chosen").last)).to_contain_text("factor 2")
    changes.get_by_role("button", name="A", exact=True).click()

    # another run, through the table
    table.get_by_role("gridcell", name="topics", exact=True).click()
    page.wait_for_url(f"**with={ids[0]}**")
    visible(details.get_by_role("gridcell", name="topic 1", exact=True))
    page.get_by_role("tab", name="Cell by cell").click()
    visible(details.get_by_text("r = "))
    choose(cells, "Colour by", "Total counts")

    saved = pd.read_csv(export(page, "Export comparison", "CSV", tmp_path), index_col=0)
    assert list(saved.index) == ids[::-1]
    assert saved["gain"].is_monotonic_increasing is False
    for menu in ("Export changes", "Export both cells", "Export detail"):
        assert export(page, menu, "SVG", tmp_path).read_text("utf-8").startswith("<?xml")
    assert not foreign
    assert not server.complaints()
