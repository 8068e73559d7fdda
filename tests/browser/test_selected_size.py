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
    button,
    card,
    chips,
    draw_around,
    export,
    find_gene,
    fit,
    open_model,
    open_path,
    visible,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

CELLS, GENES = 120, 20
NOISE = "No factor can be told from noise"


def noise() -> ad.AnnData:
    """Genes that have nothing to do with each other."""
    counts = np.random.default_rng(0).negative_binomial(2, 0.2, (CELLS, GENES))
    cells, genes = [f"cell{c}" for c in range(CELLS)], [f"gene{g}" for g in range(GENES)]
    return ad.AnnData(
        counts.astype(np.float32),
        obs=pd.DataFrame({"batch": ["a", "b"] * (CELLS // 2)}, index=cells),
        var=pd.DataFrame(index=genes),
    )


def test_a_number_is_chosen_and_why_is_shown_and_there_may_be_no_factor(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    paths = tmp_path / "chosen.h5ad", tmp_path / "noise.h5ad"
    simulate("lnm", cells=CELLS, genes=GENES, factors=2, seed=0).write_h5ad(paths[0])
    noise().write_h5ad(paths[1])
    open_path(page, paths[0], f"chosen · {CELLS} cells")
    what_is_no_number_is_refused(page)
    fit(page)
    number = told_number(page)
    why_is_shown(page, number)
    table = pd.read_csv(export(page, "Export number", "CSV", tmp_path), comment="#", index_col=0)
    assert table.index[table["chosen"]].tolist() == [number]
    assert table.index.name == "factors"
    assert export(page, "Export number", "SVG", tmp_path).stat().st_size > 1000

    open_path(page, paths[1], f"noise · {CELLS} cells")
    fit(page)
    every_view_says_so(page, tmp_path)

    # a page that is reloaded shows what it showed, and why of the other run
    before = chips(page)
    page.reload()
    heatmap = card(page, "Gene correlations")
    visible(heatmap.get_by_text("No correlation is a finding."))
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text("cells ·")
    assert chips(page) == before
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("Download the fit")).first.click()
    saved.value.save_as(tmp_path / "fit.h5ad")
    assert ad.read_h5ad(tmp_path / "fit.h5ad").obsm["X_lnm"].shape == (CELLS, 0)
    page.get_by_role("button", name=re.compile(f"^chosen.*k{number}")).click()
    why_is_shown(page, number)
    assert foreign == []
    assert server.complaints() == []


def what_is_no_number_is_refused(page: Page) -> None:
    """Beside its field, and by the button."""
    open_model(page)
    factors = page.get_by_role("textbox", name="Factors")
    factors.fill("ten")
    factors.press("Enter")
    visible(page.get_by_text("found 'ten'"))
    button(page, "Fit").click()
    visible(page.get_by_role("alert").get_by_text("auto or a whole number"))
    expect(factors).to_have_value("ten")
    factors.fill("auto")
    factors.press("Enter")


def told_number(page: Page) -> int:
    told = page.get_by_text("chosen from the counts.")
    visible(told)
    found = re.match(r"(\d+) factors", told.inner_text())
    assert found is not None
    number = int(found.group(1))
    assert number > 0
    runs = page.locator(".runs [aria-current]")
    visible(runs.get_by_text(f"lnmvcp k{number}"))
    return number


def why_is_shown(page: Page, number: int) -> None:
    page.get_by_role("tab", name="Explore").click()
    card(page, "Factor loadings").get_by_role("button", name=f"Why {number} factors").click()
    curve = card(page, "Number of factors")
    visible(curve.get_by_role("cell", name="best", exact=True))
    visible(curve.get_by_role("rowheader", name=f"{number} (chosen)"))
    wait_until_drawn(curve, 5)


def every_view_says_so(page: Page, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Explore").click()
    cells, heatmap = card(page, "Cells"), card(page, "Gene correlations")
    visible(heatmap.get_by_text("No correlation is a finding."))
    visible(card(page, "Factor loadings").get_by_text(NOISE))
    visible(cells.get_by_text("total counts to the right"))
    wait_until_drawn(cells, 5)
    page.keyboard.press("ArrowRight")
    find_gene(page, "gene3")
    visible(page.get_by_role("heading", name="gene3", exact=True))
    page.get_by_role("button", name=re.compile("^Compare gene3 with")).first.click()
    visible(page.locator(".pair-words").get_by_text(NOISE))
    draw_around(cells, 0.4)
    visible(page.get_by_text(f"of {CELLS} cells"))
    visible(page.get_by_text("no gene differs between groups"))
    for menu in ("Export cells", "Export correlations"):
        export(page, menu, "SVG", tmp_path)
    table = pd.read_csv(export(page, "Export cells", "CSV", tmp_path), comment="#", index_col=0)
    assert table["selected"].any()
    page.get_by_role("tab", name="Topics").click()
    for title in ("Factor map", "Structure"):
        visible(card(page, title).get_by_text(NOISE))
    page.get_by_role("tab", name="Data").click()
    number = card(page, "Number of factors")
    visible(number.get_by_role("rowheader", name="0 (chosen)"))
    visible(number.get_by_text(NOISE))
    page.get_by_role("tab", name="Explore").click()
    expect(page).not_to_have_url(re.compile("tab=data"))
