"""The Topics tab: topics ranked, chosen, named, exported, and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import (
    LONG,
    button,
    card,
    chips,
    export,
    open_model,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)>"


def first_gene(genes: Locator) -> Locator:
    """The cell of the best gene of the ranking."""
    return genes.locator('.tabulator-row [tabulator-field="c0"]').first


def lower_right(page: Page) -> Locator:
    """The card of tables: one of several, which its tabs name."""
    return page.locator(".card:visible").last


def click_until(where: Locator, done: Callable[[], bool]) -> None:
    """Click all over a plot until one click had an effect."""
    box = where.locator("canvas").first.bounding_box()
    assert box is not None
    steps = [(0.15 + 0.1 * i, 0.15 + 0.1 * j) for i in range(8) for j in range(8)]
    for x, y in steps:
        where.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        where.page.wait_for_timeout(150)
        if done():
            return
    raise AssertionError("no click had an effect")


def test_topics_are_ranked_chosen_and_named(
    page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page.goto(server.url)
    expect(page.get_by_text("700 cells × 765 genes")).to_be_visible()
    open_model(page)
    factors = page.get_by_role("textbox", name="Factors")
    factors.fill("3")
    factors.press("Enter")
    button(page, "Fit").click()
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=LONG)
    button(page, "LDA").click()
    topics = page.get_by_role("textbox", name="Topics")
    topics.fill("4")
    topics.press("Enter")
    button(page, "Fit").click()
    expect(page.get_by_text("lda k4").first).to_be_visible()
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=LONG)

    # all views are filled
    page.get_by_role("tab", name="Topics").click()
    genes, places = card(page, "Genes of the topic"), card(page, "Topic map")
    structure, tables = card(page, "Structure"), lower_right(page)
    for view in (genes, places, structure):
        wait_until_drawn(view, 5)
    expect(first_gene(genes)).not_to_be_empty()
    expect(tables.get_by_role("gridcell", name="topic 4", exact=True)).to_be_visible()

    # a topic is chosen in the legend of the cells, and in a table
    best = first_gene(genes).inner_text()
    structure.get_by_role("button", name="topic 3", exact=True).click()
    expect(page.get_by_role("list", name="Chosen").last).to_contain_text("topic 3")
    expect(first_gene(genes)).not_to_have_text(best)
    tables.get_by_role("gridcell", name="topic 1", exact=True).click()
    expect(page.get_by_role("list", name="Chosen").last).to_contain_text("topic 1")
    expect(first_gene(genes)).to_have_text(best)

    # lambda reorders its genes: at 1, those come first that all cells have
    expect(genes.get_by_role("combobox", name="Rank by")).to_have_text("Relevance")
    weight = genes.get_by_role("slider")
    weight.focus()
    weight.press("End")
    expect(first_gene(genes)).not_to_have_text(best)
    ranked = pd.read_csv(export(page, "Export ranking", "CSV", tmp_path), comment="#")
    expect(first_gene(genes)).to_have_text(str(ranked.iloc[0, 0]))
    for menu in ("Export map", "Export structure"):
        assert export(page, menu, "SVG", tmp_path).read_text("utf-8").startswith("<?xml")

    # names are text
    name = page.get_by_role("textbox", name="Its name")
    name.fill(EVIL)
    name.press("Enter")
    expect(tables.get_by_role("gridcell", name=EVIL, exact=True)).to_be_visible()
    expect(structure.get_by_role("button", name=EVIL, exact=True)).to_be_visible()
    expect(page.locator("img[onerror]")).to_have_count(0)

    # a place on the map is a topic
    before = chips(page)
    click_until(places, lambda: chips(page) != before)

    # the factors of the other run lie beside the topics of this one
    tables.get_by_role("tab", name="Beside another run").click()
    other = tables.get_by_role("combobox", name="Run", exact=True)
    other.click()
    page.get_by_role("menuitem", name=re.compile("k3$")).click()
    expect(tables.get_by_role("gridcell", name=re.compile(r"^factor \d$"))).to_have_count(4)
    wait_until_drawn(tables, 5)
    pairs = pd.read_csv(export(page, "Export table", "CSV", tmp_path), comment="#")
    assert len(pairs) == 12
    assert pairs["correlation"].abs().max() > 0.5

    # and a gene of the ranking is looked at among the others
    gene = first_gene(genes).inner_text()
    genes.get_by_role("gridcell", name="↗").first.click()
    expect(page.get_by_role("tab", name="Explore")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name=gene, exact=True)).to_be_visible()
    assert not foreign


def test_numbers_of_topics_are_compared(page: Page, server: Server, tmp_path: Path) -> None:
    page.goto(server.url)
    expect(page.get_by_text("700 cells × 765 genes")).to_be_visible()
    open_model(page)
    button(page, "LDA").click()
    expect(page.get_by_role("textbox", name="Topics")).to_be_visible()
    page.get_by_role("button", name="How many?").first.click()
    page.get_by_role("textbox", name="Numbers to compare").fill("2, 4")
    button(page, "Compare on held-out cells").click()
    many = lower_right(page)
    expect(many.get_by_text("topics have the lowest perplexity")).to_be_visible(timeout=LONG)
    expect(many.get_by_role("rowheader", name="4")).to_be_visible()
    wait_until_drawn(many, 5)
    table = pd.read_csv(export(page, "Export table", "CSV", tmp_path), comment="#", index_col=0)
    assert list(table.index) == [2, 4]
    assert (table["perplexity"] > 1).all()
