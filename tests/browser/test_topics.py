"""Topics on the page: fitted, scored, chosen, named, and found again."""

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
    export,
    open_model,
    wait_for_umap,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

NAME = "NK cells <b>& co</b>"


def test_a_topic_is_fitted_chosen_and_named(
    page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page.goto(server.url)
    cells, genes = card(page, "Cells"), card(page, "Genes of topics")
    expect(page.get_by_text("700 cells × 765 genes")).to_be_visible()
    open_model(page)
    button(page, "LDA").click()
    topics = page.get_by_role("textbox", name="Topics")
    topics.fill("4")
    topics.press("Enter")
    page.get_by_label("Score held-out cells").check()
    button(page, "Fit").click()
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=LONG)
    wait_for_umap(page)

    # an arrow chooses a topic: its proportions colour the cells
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("list", name="Chosen")).to_contain_text("topic 2")
    expect(cells.get_by_text("proportion of topic 2")).to_be_visible()
    wait_until_drawn(cells, 20)
    wait_until_drawn(genes, 10)

    # and is given a name, which is text wherever it is shown
    genes.get_by_role("button", name="Rename").click()
    field = page.get_by_role("textbox", name="New name")
    field.fill(NAME)
    field.press("Enter")
    expect(page.get_by_role("list", name="Chosen")).to_contain_text(NAME)
    expect(cells.get_by_text(f"proportion of {NAME}")).to_be_visible()
    expect(genes.get_by_role("combobox")).to_have_text(NAME)
    table = pd.read_csv(export(page, "Export loadings", "CSV", tmp_path), comment="#", index_col=0)
    assert list(table.columns) == ["topic 1", NAME, "topic 3", "topic 4"]
    assert len(table) == 765

    # the score of the held-out cells stands on the page of the data
    page.get_by_role("tab", name="Data").click()
    scores = page.locator(".scores")
    expect(scores.get_by_role("columnheader", name="perplexity")).to_be_visible()
    # others may be there: a server is shared by the tests
    row = scores.get_by_role("row").filter(has_text=re.compile(r"LDA\s*em\s*4 topics"))
    expect(row.first).to_be_visible()
    page.get_by_role("tab", name="Explore").click()
    expect(page).not_to_have_url(re.compile("tab=data"))

    # and the page, reloaded, is where it was
    before, address = chips(page), page.url
    page.reload()
    expect(page.get_by_role("list", name="Chosen")).to_contain_text(NAME)
    expect(cells.get_by_text(f"proportion of {NAME}")).to_be_visible()
    wait_for_umap(page)
    assert chips(page) == before
    assert page.url == address
    assert not foreign
    assert server.complaints() == []
