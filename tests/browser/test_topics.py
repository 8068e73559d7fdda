"""Topics on the page: fitted, scored, ranked, chosen, named, exported, compared, found again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

import engine
from engine.data import Counts
from tests.browser.steps import (
    LONG,
    button,
    card,
    chips,
    export,
    fit,
    open_demo,
    open_model,
    visible,
    wait_for_umap,
    wait_until_drawn,
)
from tests.dashboard.synthetic import make_fit
from tests.runs import save_runs
from tests.server import Server

pytestmark = pytest.mark.browser

NAME = "NK cells <b>& co</b>"
EVIL = "<img src=x onerror=alert(1)>"
OTHER = "components k3"


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


def save_components(home: Path, counts: Counts) -> None:
    """A run of the same cells without a fit: principal components are its scores."""
    shares = np.log1p(1e4 * counts.block(0, counts.n_cells) / counts.totals[:, None])
    left = np.linalg.svd(shares - shares.mean(0), full_matrices=False)[0]
    made = make_fit(counts.n_cells, 60, 3)
    scores = np.sqrt(counts.n_cells) * left[:, :3]
    save_runs(
        home, [(OTHER, replace(made, cells=counts.cells, obs=counts.obs, scores=scores), None)]
    )


def test_topics_are_fitted_looked_at_and_found_again(
    open_page: Page, server: Server, foreign: list[str], tmp_path: Path
) -> None:
    page = open_page
    save_components(server.home, engine.read_counts("demo"))
    open_demo(page)
    open_model(page)
    button(page, "LDA").click()
    topics = page.get_by_role("textbox", name="Topics")
    topics.fill("4")
    topics.press("Enter")
    page.get_by_label("Score held-out cells").check()
    fit(page)
    wait_for_umap(page)
    a_topic_is_chosen_and_named(page, tmp_path)
    scores_are_told(page)

    # the page, reloaded, is where it was
    before, address = chips(page), page.url
    page.reload()
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text(NAME)
    visible(card(page, "Cells").get_by_text(f"proportion of {NAME}"))
    wait_for_umap(page)
    assert chips(page) == before
    assert page.url == address

    page.get_by_role("tab", name="Topics").click()
    topics_are_ranked_and_exported(page, tmp_path)
    another_run_lies_beside(page, tmp_path)
    # a gene of the ranking is looked at among the others
    genes = card(page, "Genes of the topic")
    gene = first_gene(genes).inner_text()
    genes.get_by_role("gridcell", name="↗").first.click()
    expect(page.get_by_role("tab", name="Explore")).to_have_attribute("aria-selected", "true")
    visible(page.get_by_role("heading", name=gene, exact=True))
    assert not foreign
    assert server.complaints() == []


def a_topic_is_chosen_and_named(page: Page, tmp_path: Path) -> None:
    """By an arrow: its proportions colour the cells; its name is text wherever it is shown."""
    cells, genes = card(page, "Cells"), card(page, "Genes of topics")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text("topic 2")
    visible(cells.get_by_text("proportion of topic 2"))
    wait_until_drawn(cells, 20)
    wait_until_drawn(genes, 10)
    genes.get_by_role("button", name="Rename").click()
    field = page.get_by_role("textbox", name="New name")
    field.fill(NAME)
    field.press("Enter")
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text(NAME)
    visible(cells.get_by_text(f"proportion of {NAME}"))
    expect(genes.get_by_role("combobox")).to_have_text(NAME)
    table = pd.read_csv(export(page, "Export loadings", "CSV", tmp_path), comment="#", index_col=0)
    assert list(table.columns) == ["topic 1", NAME, "topic 3", "topic 4"]
    assert len(table) == 765


def scores_are_told(page: Page) -> None:
    """On the page of the data."""
    page.get_by_role("tab", name="Data").click()
    scores = page.locator(".scores")
    visible(scores.get_by_role("columnheader", name="perplexity"))
    # others may be there: a server is shared by the tests
    row = scores.get_by_role("row").filter(has_text=re.compile(r"LDA\s*em\s*4 topics"))
    visible(row.first)
    page.get_by_role("tab", name="Explore").click()
    expect(page).not_to_have_url(re.compile("tab=data"))


def topics_are_ranked_and_exported(page: Page, tmp_path: Path) -> None:
    genes, places = card(page, "Genes of the topic"), card(page, "Topic map")
    structure, tables = card(page, "Structure"), lower_right(page)
    for view in (genes, places, structure):
        wait_until_drawn(view, 5)
    tables.get_by_role("gridcell", name="topic 1", exact=True).click()
    expect(visible(page.get_by_role("list", name="Chosen").last)).to_contain_text("topic 1")
    expect(first_gene(genes)).not_to_be_empty()
    visible(tables.get_by_role("gridcell", name="topic 4", exact=True))

    # a topic is chosen in the legend of the cells, and in a table
    best = first_gene(genes).inner_text()
    structure.get_by_role("button", name="topic 3", exact=True).click()
    expect(visible(page.get_by_role("list", name="Chosen").last)).to_contain_text("topic 3")
    expect(first_gene(genes)).not_to_have_text(best)
    tables.get_by_role("gridcell", name="topic 1", exact=True).click()
    expect(visible(page.get_by_role("list", name="Chosen").last)).to_contain_text("topic 1")
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
    visible(tables.get_by_role("gridcell", name=EVIL, exact=True))
    visible(structure.get_by_role("button", name=EVIL, exact=True))
    expect(page.locator("img[onerror]")).to_have_count(0)

    # a place on the map is a topic
    before = chips(page)
    click_until(places, lambda: chips(page) != before)


def another_run_lies_beside(page: Page, tmp_path: Path) -> None:
    """Its factors beside the topics of the open one."""
    tables = lower_right(page)
    tables.get_by_role("tab", name="Beside another run").click()
    tables.get_by_role("combobox", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile(f"{OTHER}$")).click()
    expect(tables.get_by_role("gridcell", name=re.compile(r"^factor \d$"))).to_have_count(4)
    wait_until_drawn(tables, 5)
    pairs = pd.read_csv(export(page, "Export table", "CSV", tmp_path), comment="#")
    assert len(pairs) == 12
    assert pairs["correlation"].abs().max() > 0.5


def test_numbers_of_topics_are_compared(page: Page, server: Server, tmp_path: Path) -> None:
    page.goto(server.url)
    visible(page.get_by_text("700 cells × 765 genes"))
    open_model(page)
    button(page, "LDA").click()
    visible(page.get_by_role("textbox", name="Topics"))
    page.get_by_role("button", name="How many?").first.click()
    page.get_by_role("textbox", name="Numbers to compare").fill("2, 4")
    button(page, "Compare on held-out cells").click()
    many = lower_right(page)
    visible(many.get_by_text("topics have the lowest perplexity"), LONG)
    visible(many.get_by_role("rowheader", name="4"))
    wait_until_drawn(many, 5)
    table = pd.read_csv(export(page, "Export table", "CSV", tmp_path), comment="#", index_col=0)
    assert list(table.index) == [2, 4]
    assert (table["perplexity"] > 1).all()
