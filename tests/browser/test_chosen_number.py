"""The number of factors is chosen from the counts, and why is shown; there may be none at all."""

from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from engine.data import simulate
from tests.browser.steps import (
    LONG,
    button,
    card,
    draw_around,
    export,
    find_gene,
    open_model,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

CELLS, GENES = 120, 20
NOISE = "No factor can be told from noise"


def read(page: Page, server: Server, data: ad.AnnData, path: Path) -> None:
    data.write_h5ad(path)
    page.goto(server.url)
    page.get_by_role("textbox", name="Path of the counts").fill(str(path))
    button(page, "Open path").click()
    expect(page.get_by_text(f"{path.stem} · {CELLS} cells")).to_be_visible()


def fit(page: Page) -> None:
    button(page, "Fit").click()
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=LONG)


def test_a_number_is_chosen_and_why_is_shown(
    page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    data = simulate("lnm", cells=CELLS, genes=GENES, factors=2, seed=0)
    read(page, server, data, tmp_path / "chosen.h5ad")
    # what is no number is refused beside its field, and by the button
    open_model(page)
    factors = page.get_by_role("textbox", name="Factors")
    expect(factors).to_have_value("auto")
    factors.fill("ten")
    factors.press("Enter")
    expect(page.get_by_text("found 'ten'")).to_be_visible()
    button(page, "Fit").click()
    expect(page.get_by_role("alert").get_by_text("auto or a whole number")).to_be_visible()
    expect(factors).to_have_value("ten")
    factors.fill("auto")
    factors.press("Enter")
    fit(page)
    told = page.get_by_text("chosen from the counts.")
    expect(told).to_be_visible()
    found = re.match(r"(\d+) factors", told.inner_text())
    assert found is not None
    number = int(found.group(1))
    assert number > 0
    runs = page.locator(".runs [aria-current]")
    expect(runs.get_by_text(f"lnmvcp k{number}")).to_be_visible()
    for reloaded in (False, True):
        if reloaded:
            page.reload()
        page.get_by_role("tab", name="Explore").click()
        card(page, "Factor loadings").get_by_role("button", name=f"Why {number} factors").click()
        curve = card(page, "Number of factors")
        expect(curve.get_by_role("cell", name="best", exact=True)).to_be_visible()
        expect(curve.get_by_role("rowheader", name=f"{number} (chosen)")).to_be_visible()
        wait_until_drawn(curve, 5)
    table = pd.read_csv(export(page, "Export number", "CSV", tmp_path), comment="#", index_col=0)
    assert table.index[table["chosen"]].tolist() == [number]
    assert table.index.name == "factors"
    assert export(page, "Export number", "SVG", tmp_path).stat().st_size > 1000
    assert foreign == []
    assert server.complaints() == []


def test_counts_of_noise_have_no_factor_and_every_view_says_so(
    page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    counts = np.random.default_rng(0).negative_binomial(2, 0.2, (CELLS, GENES))
    names = {"obs": pd.DataFrame({"batch": ["a", "b"] * (CELLS // 2)}), "var": pd.DataFrame()}
    names["obs"].index = pd.Index([f"cell{c}" for c in range(CELLS)])
    names["var"].index = pd.Index([f"gene{g}" for g in range(GENES)])
    data = ad.AnnData(counts.astype(np.float32), **names)
    read(page, server, data, tmp_path / "noise.h5ad")
    fit(page)
    cells, heatmap = card(page, "Cells"), card(page, "Gene correlations")
    expect(heatmap.get_by_text("No correlation is a finding.")).to_be_visible()
    expect(card(page, "Factor loadings").get_by_text(NOISE)).to_be_visible()
    expect(cells.get_by_text("total counts to the right")).to_be_visible()
    wait_until_drawn(cells, 5)
    page.keyboard.press("ArrowRight")
    find_gene(page, "gene3")
    expect(page.get_by_role("heading", name="gene3", exact=True)).to_be_visible()
    page.get_by_role("button", name=re.compile("^Compare gene3 with")).first.click()
    expect(page.locator(".pair-words").get_by_text(NOISE)).to_be_visible()
    draw_around(cells, 0.4)
    expect(page.get_by_text(f"of {CELLS} cells")).to_be_visible()
    expect(page.get_by_text("no gene differs between groups")).to_be_visible()
    for menu in ("Export cells", "Export correlations"):
        export(page, menu, "SVG", tmp_path)
    table = pd.read_csv(export(page, "Export cells", "CSV", tmp_path), comment="#", index_col=0)
    assert table["selected"].any()
    page.get_by_role("tab", name="Topics").click()
    for title in ("Factor map", "Structure"):
        expect(card(page, title).get_by_text(NOISE)).to_be_visible()
    page.get_by_role("tab", name="Data").click()
    number = card(page, "Number of factors")
    expect(number.get_by_role("rowheader", name="0 (chosen)")).to_be_visible()
    expect(number.get_by_text(NOISE)).to_be_visible()
    page.get_by_role("tab", name="Explore").click()
    expect(page).not_to_have_url(re.compile("tab=data"))
    page.reload()
    expect(heatmap.get_by_text("No correlation is a finding.")).to_be_visible()
    expect(page.get_by_role("list", name="Chosen")).to_contain_text("cells ·")
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("Download the fit")).first.click()
    saved.value.save_as(tmp_path / "fit.h5ad")
    assert ad.read_h5ad(tmp_path / "fit.h5ad").obsm["X_lnm"].shape == (CELLS, 0)
    assert foreign == []
    assert server.complaints() == []
