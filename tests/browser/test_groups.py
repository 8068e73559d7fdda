"""A label becomes a covariate and leaves the factors; groups are tested where that is honest."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import (
    LONG,
    button,
    card,
    choose,
    draw_around,
    export,
    fit,
    open_demo,
    open_model,
    visible,
    wait_for_umap,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

# How often in half a second a table asks whether it can be measured, if it never can.
ASKS = """async () => {
  const seen = [...Bokeh.index.roots ?? Object.values(Bokeh.index)]
  let table
  while (table === undefined && seen.length) {
    const view = seen.pop()
    if (view.model.type.endsWith("DataTabulator")) table = view
    else seen.push(...view.children())
  }
  if (table === undefined) return -1
  let asked = 0
  Object.defineProperty(table, "_initializing", {get: () => (asked += 1, true), set() {}})
  table._resize_pending = true
  void table._flush_resize_when_root_ready()
  await new Promise((resolve) => setTimeout(resolve, 500))
  table._resize_pending = false
  delete table._initializing
  return asked
}"""


SPLIT = "Split counts, to test groups that are found"
ELSEWHERE = re.compile("^elsewhere")


def compare(groups: Locator, label: str) -> None:
    choose(groups, "Label", label)
    groups.get_by_role("button", name="Compare").click()


def test_a_label_leaves_the_factors_and_groups_are_compared(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    open_demo(page)
    open_model(page)
    page.get_by_role("textbox", name="Factors").fill("3")
    page.get_by_label(SPLIT).check()
    fit(page)
    page.get_by_role("tab", name="Explore").click()
    cells = card(page, "Cells")
    choose(page, "Colour by", "bulk_labels")
    wait_until_drawn(cells, 20)
    wait_for_umap(page)
    draw_around(cells, 0.5)
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text("cells")

    # cells that were drawn on a map of one half of the counts are tested in the other
    page.get_by_role("tab", name="Groups").click()
    groups = card(page, "A against B")
    compare(groups, "selected cells")
    visible(groups.get_by_text("Where does bulk_labels come from?"))
    groups.get_by_role("button", name=ELSEWHERE).click()
    noise = groups.get_by_text(re.compile("[0-9]+ and [0-9]+ cells. In the half of the counts"))
    visible(noise, LONG)
    found = pd.read_csv(export(page, "Export differences", "CSV", tmp_path), comment="#")
    assert found["lfsr"].notna().all()

    # the label that explains a factor becomes a covariate, and another one beside it
    page.get_by_role("tab", name="Explore").click()
    loadings = card(page, "Factor loadings")
    visible(loadings.get_by_text(re.compile("Labels: .*louvain")))
    loadings.get_by_role("button", name="Fit again with louvain as a covariate").click()
    chips = page.get_by_role("list", name="Covariates")
    visible(chips.get_by_text("louvain", exact=True))
    page.get_by_role("combobox", name="Add a covariate").click()
    refused = page.get_by_role("menuitem", name=re.compile("^bulk_labels · no: 8 cells of"))
    expect(refused).to_be_disabled()
    page.get_by_role("menuitem", name="phase · 3 levels").click()
    formula = page.get_by_role("textbox", name="As a formula")
    expect(formula).to_have_value("~ louvain + phase")
    page.get_by_label(SPLIT).uncheck()
    fit(page)
    within = card(page, "Cells within louvain, phase")
    wait_until_drawn(within, 20)
    loadings = card(page, "Factor loadings within louvain, phase")
    visible(loadings)
    expect(loadings.get_by_text(re.compile("Labels: factor"))).to_have_count(0)
    # a title that names covariates leaves the tools their room
    for menu in ("cells", "correlations", "loadings"):
        expect(button(page, f"Export {menu}")).to_be_in_viewport(ratio=1)
    wait_for_umap(page)
    draw_around(within, 0.5)

    # what the covariates do to genes, and to the one that is chosen
    page.get_by_role("tab", name="Groups").click()
    effects = card(page, "Effects of covariates")
    wait_until_drawn(effects, 3)
    # of the fields of several tabs the one that is seen hears the key
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="Find a gene").locator("visible=true")
    expect(search).to_be_focused()
    page.keyboard.type("STMN1")
    page.get_by_role("option", name="STMN1", exact=True).click()
    own = card(page, "Coefficients of a gene")
    expect(visible(own.get_by_role("listitem").filter(has_text="phase[G2M]"))).to_contain_text(
        " to "
    )
    choose(effects, "Covariate", "phase[G2M]")
    table = pd.read_csv(export(page, "Export covariates", "CSV", tmp_path), comment="#")
    raised = table[(table["column"] == "phase[G2M]") & (table["effect"] > 0)]
    assert {"STMN1", "HMGB2"} <= set(raised["gene"].head(10))

    # without split counts drawn cells have effects and no errors; a label is asked of once
    compare(groups, "selected cells")
    visible(groups.get_by_text(re.compile("cells. Effects only")), LONG)
    choose(groups, "Label", "bulk_labels")
    choose(groups, "A", "CD56+ NK")
    groups.get_by_role("button", name="Compare").click()
    visible(
        groups.get_by_text(re.compile("CD56[+] NK against other than .*: [0-9]+ and [0-9]+ cells")),
        LONG,
    )
    expect(groups.get_by_text(re.compile("Effects only"))).to_have_count(0)
    found = pd.read_csv(export(page, "Export differences", "CSV", tmp_path), comment="#")
    assert {"GNLY", "NKG7", "GZMB"} & set(found["gene"].head(5))
    assert found["lfsr"].notna().all()

    # a table that cannot be measured leaves the browser time for the rest
    assert 0 < page.evaluate(ASKS) < 50

    # the next fit is one without covariates
    for name, rest in (("louvain", "~ phase"), ("phase", "")):
        page.get_by_role("button", name=f"Remove {name}").click()
        expect(formula).to_have_value(rest)
    assert not foreign
    assert server.complaints() == []
