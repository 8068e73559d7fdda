"""A covariate is fitted and seen, and one group of cells is compared with the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    LONG,
    card,
    choose,
    draw_around,
    export,
    fit,
    open_demo,
    open_model,
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


def test_a_covariate_leaves_the_factors_and_groups_are_compared(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    open_demo(page)
    open_model(page)
    page.get_by_role("textbox", name="Factors").fill("3")
    covariates = page.get_by_role("textbox", name="Covariates")
    covariates.fill("~ phase")
    covariates.press("Enter")
    fit(page)
    page.get_by_role("tab", name="Explore").click()
    cells = card(page, "Cells within phase")
    wait_until_drawn(cells, 20)
    draw_around(cells, 0.5)
    expect(page.get_by_role("list", name="Chosen")).to_contain_text("cells")

    # what the covariate does to genes
    page.get_by_role("tab", name="Groups").click()
    effects = card(page, "Effects of covariates")
    wait_until_drawn(effects, 3)
    # of the fields of several tabs the one that is seen hears the key
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="Find a gene").locator("visible=true")
    expect(search).to_be_focused()
    choose(effects, "Covariate", "phase[G2M]")
    table = pd.read_csv(export(page, "Export covariates", "CSV", tmp_path), comment="#")
    raised = table[(table["column"] == "phase[G2M]") & (table["effect"] > 0)]
    assert {"STMN1", "HMGB2"} <= set(raised["gene"].head(10))

    # drawn cells have effects and no errors, a label from elsewhere has both
    groups = card(page, "A against B")
    choose(groups, "Label", "selected cells")
    groups.get_by_role("button", name="Compare").click()
    expect(groups.get_by_text(re.compile("Effects only"))).to_be_visible(timeout=LONG)
    choose(groups, "Label", "bulk_labels")
    choose(groups, "A", "CD56+ NK")
    groups.get_by_label("label not from these counts").check()
    groups.get_by_role("button", name="Compare").click()
    expect(groups.get_by_text(re.compile("^[0-9]+ and [0-9]+ cells"))).to_be_visible(timeout=LONG)
    expect(groups.get_by_text(re.compile("Effects only"))).to_have_count(0)
    found = pd.read_csv(export(page, "Export differences", "CSV", tmp_path), comment="#")
    assert {"GNLY", "NKG7", "GZMB"} & set(found["gene"].head(5))
    assert found["lfsr"].notna().all()

    # a table that cannot be measured leaves the browser time for the rest
    assert 0 < page.evaluate(ASKS) < 50

    # the next fit is one without covariates
    covariates.fill("")
    covariates.press("Enter")
    assert not foreign
    assert server.complaints() == []
