"""The page in a real browser, against a real server and the real engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anndata as ad
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    COLUMN,
    LONG,
    button,
    card,
    choose,
    column,
    draw_around,
    export,
    find_gene,
    open_model,
    visible,
    wait_for_umap,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

ROLES: tuple[Any, ...] = ("button", "combobox", "textbox", "spinbutton", "switch", "tab", "radio")


def test_demo_from_counts_to_views(
    fresh_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = fresh_page
    # the demo is summarised
    visible(page.get_by_text("700 cells × 765 genes"))
    visible(page.get_by_text("Found 700 cells"))
    wait_until_drawn(card(page, "Total counts per cell"), 10)
    wait_until_drawn(card(page, "Detected genes per cell"), 10)

    # Fit is in sight without scrolling; keys and words are explained, and the tour is not forced
    expect(button(page, "Fit")).to_be_in_viewport(ratio=1)
    page.keyboard.press("?")
    guide = page.get_by_role("dialog")
    expect(visible(guide)).to_contain_text("Pareto k")
    guide.get_by_role("button", name="Tour").click()
    for name in ("Next", "Next", "Next", "Done"):
        guide.get_by_role("button", name=name).click()
    expect(guide).to_have_count(0)

    # a fit runs, tells how far it is, and ends
    open_model(page)
    button(page, "LNM").click()
    visible(page.get_by_text("totals are negative binomial"))
    button(page, "LNMVCP").click()
    visible(page.get_by_text("LNM with a capture efficiency"))
    page.get_by_role("textbox", name="Factors").fill("10")
    button(page, "Fit").click()
    visible(page.get_by_role("progressbar").last)
    cells, heatmap = card(page, "Cells"), card(page, "Gene correlations")
    visible(page.get_by_text(re.compile(r"^pass \d+ of about")), LONG)
    visible(page.get_by_text(re.compile("nats per cell$")))
    visible(button(page, "Stop"))
    visible(page.get_by_text("Finished", exact=True), LONG)
    wait_for_umap(page)

    # three views of it
    visible(cells.get_by_text("CD14+ Monocyte"))
    wait_until_drawn(cells, 30)
    wait_until_drawn(heatmap, 100)
    wait_until_drawn(card(page, "Factor loadings"), 10)
    assert len(column(page, "cell")) == 700

    # keys step through the factors: cells, heatmap and bars follow
    genes, before = column(page, "gene"), column(page, "colour")
    page.keyboard.press("ArrowRight")
    visible(cells.get_by_text("factor 1 score"))
    page.keyboard.press("ArrowRight")
    visible(cells.get_by_text("factor 2 score"))
    expect(heatmap.get_by_role("combobox", name="Genes")).to_have_text("Chosen factor")
    expect(cells.get_by_role("combobox", name="Colour by")).to_have_text("Chosen factor")
    page.wait_for_function(
        f"old => String(({COLUMN})('gene')) !== String(old)", arg=genes, polling=200
    )
    page.wait_for_function(
        f"old => String(({COLUMN})('colour')) !== String(old)", arg=before, polling=200
    )
    choose(page, "Colour by", "Capture efficiency")
    visible(cells.get_by_text("capture efficiency; prior shared by all cells"))

    # cells that are drawn around are told apart from the others; Escape lets go of them
    draw_around(cells)
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text("cells ·")
    visible(page.get_by_text(re.compile(r"^\d+ of 700 cells")))
    page.keyboard.press("Escape")
    expect(page.get_by_role("list", name="Chosen")).not_to_contain_text("cells ·")
    choose(page, "Colour by", "bulk_labels")
    cells.get_by_role("button", name="CD14+ Monocyte").click()
    visible(page.get_by_text(re.compile(r"^\d+ of 700 cells")))

    # a gene that is searched comes with its neighbours
    find_gene(page, "LYZ")
    visible(page.get_by_role("heading", name="LYZ", exact=True))
    expect(heatmap.get_by_role("combobox", name="Genes")).to_have_text("Near LYZ")

    # how sure the correlations are is worked out, and told
    button(page, "Pairs in full colour").click()
    page.get_by_role("menuitem", name="false or small at most 1 %", exact=True).click()
    visible(heatmap.get_by_text("above 1 %"))
    expect(visible(page.locator(".interval").first)).to_have_text(re.compile(r"\d to [−\d]"))

    # figures, tables and the fit can be taken away
    saved = export(page, "Export cells", "PDF", tmp_path)
    assert saved.read_bytes().startswith(b"%PDF")
    assert "LYZ" in export(page, "Export loadings", "CSV", tmp_path).read_text("utf-8")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Download the fit")).first.click()
    download.value.save_as(tmp_path / "fit.h5ad")
    fit = ad.read_h5ad(tmp_path / "fit.h5ad")
    assert fit.shape[0] == 700
    assert {"X_lnm", "X_umap"} <= set(fit.obsm)

    # a new name is typed over the old one
    button(page, "Rename").first.click()
    expect(visible(page.get_by_label("New name of the run"))).to_be_focused()
    page.keyboard.type("mine")
    page.keyboard.press("Enter")
    visible(page.get_by_role("button", name=re.compile("^mine ")))

    # a second fit, large and hardly ever good enough, goes on while the page is reloaded, and is
    # stopped
    open_model(page)
    factors = page.get_by_role("textbox", name="Factors")
    factors.fill("40")
    factors.press("Enter")
    limit(page, "1e-9")
    button(page, "Fit").click()
    visible(page.get_by_text(re.compile(r"^pass \d+ of about")), LONG)
    page.reload()
    visible(page.get_by_text(re.compile(r"^pass \d+ of about")))
    button(page, "Stop").click()
    visible(page.get_by_text("Stopped; the best so far is shown"))
    visible(button(page, "Fit"))
    # and all that can be used has a name for those who cannot see it
    for role in ROLES:
        expect(page.get_by_role(role, name=re.compile(r"^\s*$"))).to_have_count(0)
    # the page is handed on
    open_model(page)
    limit(page, "0.003")
    assert foreign == []
    assert server.complaints() == []


def limit(page: Page, tolerance: str) -> None:
    """Set the gain of a pass below which a fit ends."""
    fold = button(page, "Limits and precision")
    if fold.get_attribute("aria-expanded") != "true":
        fold.click()
    field = page.get_by_role("textbox", name="Tolerance")
    field.fill(tolerance)
    field.press("Enter")
