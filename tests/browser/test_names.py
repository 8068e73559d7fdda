"""Names of genes, labels and files are data, never markup."""

from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    button,
    card,
    choose,
    draw_around,
    export,
    fit,
    open_model,
    open_path,
    visible,
    wait_for_umap,
)
from tests.server import Server
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="window.evil=1">'
# The same in one word.
WORD = EVIL.replace(" ", "/")


def test_names_are_data_and_never_markup(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1, 5, (80, 12))).astype(np.float32) + 1
    data = ad.AnnData(
        counts,
        obs=pd.DataFrame(
            {EVIL: pd.Categorical([EVIL, "b"] * 40)}, index=[f"{EVIL}{c}" for c in range(80)]
        ),
        var=pd.DataFrame(index=[WORD, *(f"{EVIL}{g}" for g in range(1, 12))]),
    )
    path = tmp_path / f"{'<img src=x onerror=window.evil=1>'.replace('/', '')}.h5ad"
    data.write_h5ad(path)
    open_path(page, path, "80 cells × 12 genes")
    open_model(page)
    page.get_by_role("textbox", name="Factors").fill("2")
    fit(page)
    visible(page.get_by_text("lnmvcp k2").first)
    cells = card(page, "Cells")
    # no cell moves any more when they are drawn around
    wait_for_umap(page)
    choose(page, "Colour by", EVIL)
    visible(cells.get_by_role("listitem").filter(has_text="onerror"))
    # hovering shows names too
    box = card(page, "Gene correlations").locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.3 * box["height"])
    visible(page.get_by_text(re.compile("^<img src=x.*×")).first)
    # and so does everything that can be chosen, and what is taken away
    page.mouse.click(box["x"] + 0.65 * box["width"], box["y"] + 0.3 * box["height"])
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text(f"× {EVIL}")
    button(page, f"Compare {EVIL}").or_(page.get_by_role("tab", name="Gene")).first.click()
    # the second time the focus is still in the search, which a choice has emptied
    search = page.get_by_role("combobox", name="Find a gene").locator("visible=true")
    for name in (f"{EVIL}4", f"{EVIL}3"):
        expect(search).to_have_value("")
        page.keyboard.press("/")
        page.keyboard.type(name)
        page.get_by_role("option", name=name, exact=True).click()
        visible(page.get_by_role("heading", name=name, exact=True))
    draw_around(cells)
    visible(page.get_by_text("of 80 cells"))
    export(page, "Export details", "CSV", tmp_path)
    export(page, "Export correlations", "SVG", tmp_path)
    for title in ("Cells", "Gene correlations", "Factor loadings"):
        for canvas in card(page, title).locator("canvas").all():
            box = canvas.bounding_box()
            if box is None:
                continue
            for share in (0.3, 0.45, 0.6, 0.75):
                page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
                page.wait_for_timeout(60)
    # a long word is cut in the middle of its cell of a table, and read as a whole
    page.get_by_role("tab", name="Topics").click()
    gene = page.get_by_role("gridcell", name=WORD, exact=True).first
    expect(gene.locator(".cut")).to_have_attribute("title", WORD)
    # a table that is drawn anew has no such cell for a moment
    assert wait_for(lambda: (gene.bounding_box() or {}).get("height")) < 30
    assert page.evaluate("window.evil") is None
    assert page.locator("img[src=x]").count() == 0
    assert foreign == []
    assert server.complaints() == []
