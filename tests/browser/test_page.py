"""The page in a real browser, against a real server and the real engine."""

from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import COLUMN, LONG, button, card, choose, column, wait_until_drawn
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

EVIL = '<img src=x onerror="window.evil=1">'


def test_demo_from_counts_to_views(page: Page, server: Server, foreign: list[str]) -> None:
    # the demo is summarised
    expect(page.get_by_text("700 cells × 765 genes")).to_be_visible()
    expect(page.get_by_text("Found 700 cells")).to_be_visible()
    wait_until_drawn(card(page, "Total counts per cell"), 10)
    wait_until_drawn(card(page, "Detected genes per cell"), 10)

    # a fit runs, tells how far it is, and ends
    button(page, "LNM").click()
    expect(page.get_by_text("totals are negative binomial")).to_be_visible()
    button(page, "LNMVCP").click()
    expect(page.get_by_text("LNM with a capture efficiency")).to_be_visible()
    button(page, "Fit").click()
    expect(page.get_by_role("progressbar").last).to_be_visible()
    cells = card(page, "Cells")
    expect(cells.get_by_text(re.compile(r"^pass \d+"))).to_be_visible(timeout=LONG)
    expect(page.get_by_text(re.compile("nats per cell$"))).to_be_visible()
    expect(button(page, "Stop")).to_be_visible()
    expect(page.get_by_text("Finished")).to_be_visible(timeout=LONG)
    expect(cells.get_by_text("UMAP follows")).to_be_hidden(timeout=LONG)

    # three views of it
    expect(cells.get_by_text("CD14+ Monocyte")).to_be_visible()
    wait_until_drawn(cells, 30)
    wait_until_drawn(card(page, "Gene correlations"), 100)
    wait_until_drawn(card(page, "Factor loadings"), 10)
    assert len(column(page, "cell")) == 700

    # choosing a factor recolours the cells and changes the bars
    genes, before = column(page, "gene"), column(page, "colour")
    button(page, "Next factor").click()
    expect(cells.get_by_text("factor 2 score")).to_be_visible()
    expect(cells.get_by_role("combobox", name="Colour by")).to_have_text("Chosen factor")
    expect(cells.get_by_text("CD14+ Monocyte")).to_be_hidden()
    page.wait_for_function(f"old => String(({COLUMN})('gene')) !== String(old)", arg=genes)
    page.wait_for_function(f"old => String(({COLUMN})('colour')) !== String(old)", arg=before)
    choose(page, "Colour by", "Capture efficiency")
    expect(cells.get_by_text("capture efficiency; prior anchored")).to_be_visible()

    # a second fit goes on while the page is reloaded, and is stopped
    button(page, "Fit").click()
    expect(cells.get_by_text(re.compile(r"^pass \d+"))).to_be_visible(timeout=LONG)
    page.reload()
    expect(cells.get_by_text(re.compile(r"^pass \d+"))).to_be_visible()
    button(page, "Stop").click()
    expect(page.get_by_text("Stopped; the best so far is shown")).to_be_visible()
    expect(button(page, "Fit")).to_be_visible()

    # both runs are listed, and the first can be opened
    runs = page.get_by_role("button", name=re.compile("PBMC 68k"))
    expect(runs).to_have_count(2)
    runs.filter(has_text="done").click()
    expect(page.get_by_text("Finished")).to_be_visible()
    expect(cells.get_by_text("CD14+ Monocyte")).to_be_visible()
    expect(cells.get_by_text("UMAP follows")).to_be_hidden(timeout=LONG)
    wait_until_drawn(card(page, "Gene correlations"), 100)

    assert foreign == []
    assert server.complaints() == []


def test_a_bad_path_is_told_and_the_page_lives(page: Page, server: Server) -> None:
    expect(page.get_by_text("Found 700 cells")).to_be_visible()
    page.get_by_role("textbox", name="Path of the counts").fill("/no/such.h5ad")
    page.keyboard.press("Enter")
    told = page.get_by_role("alert")
    for part in ("Expected", "Found", "/no/such.h5ad", "What to do"):
        expect(told).to_contain_text(part)
    expect(page.get_by_text("700 cells × 765 genes")).to_be_visible()
    button(page, "Open demo").click()
    expect(told).to_be_hidden()
    assert server.complaints() == []


def test_counts_that_are_none_are_told(page: Page, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    ad.AnnData(values).write_h5ad(tmp_path / "normal.h5ad")
    expect(page.get_by_text("Found 700 cells")).to_be_visible()
    page.get_by_role("textbox", name="Path of the counts").fill(str(tmp_path / "normal.h5ad"))
    button(page, "Open path").click()
    expect(page.get_by_role("alert")).to_contain_text("counts")


def test_names_are_data_and_never_markup(
    page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1, 5, (80, 12))).astype(np.float32) + 1
    data = ad.AnnData(
        counts,
        obs=pd.DataFrame(
            {EVIL: pd.Categorical([EVIL, "b"] * 40)}, index=[f"{EVIL}{c}" for c in range(80)]
        ),
        var=pd.DataFrame(index=[f"{EVIL}{g}" for g in range(12)]),
    )
    path = tmp_path / f"{'<img src=x onerror=window.evil=1>'.replace('/', '')}.h5ad"
    data.write_h5ad(path)
    page.get_by_role("textbox", name="Path of the counts").fill(str(path))
    button(page, "Open path").click()
    expect(page.get_by_text("80 cells × 12 genes")).to_be_visible()
    page.get_by_role("textbox", name="Factors").fill("2")
    button(page, "Fit").click()
    expect(page.get_by_text("Finished")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("lnmvcp k2").first).to_be_visible()
    cells = card(page, "Cells")
    expect(cells.get_by_role("listitem").filter(has_text="onerror")).to_be_visible()
    # hovering shows names too
    box = card(page, "Gene correlations").locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.3 * box["height"])
    expect(page.get_by_text(re.compile("^<img src=x.*×")).first).to_be_visible()
    for title in ("Cells", "Gene correlations", "Factor loadings"):
        for canvas in card(page, title).locator("canvas").all():
            box = canvas.bounding_box()
            if box is None:
                continue
            for share in (0.3, 0.45, 0.6, 0.75):
                page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
                page.wait_for_timeout(60)
    assert page.evaluate("window.evil") is None
    assert page.locator("img[src=x]").count() == 0
    assert foreign == []
    assert server.complaints() == []
