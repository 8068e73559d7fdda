"""What somebody who has never seen the page does with it: the monocyte programme of real cells."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    button,
    card,
    chips,
    choose,
    export,
    find_gene,
    fit,
    log_in,
    open_model,
    visible,
    wait_for_umap,
    wait_until_drawn,
)
from tests.server import Server

pytestmark = pytest.mark.browser

# Villani et al. (2017), Science 356; the markers that tutorials of these cells use.
MONOCYTES = {"LYZ", "CD14", "S100A8", "S100A9", "FCN1", "CST3", "LGALS2"}
NUMBER = re.compile(r"[+−]?\d+\.\d+$")


def strongest_factor(page: Page) -> str:
    """Name of the factor with the largest loading of the gene that is shown."""
    buttons = page.get_by_role("button", name=re.compile(r"^Choose factor \d+$"))
    rows = page.get_by_role("listitem").filter(has=buttons).all_inner_texts()
    loadings = {}
    for row in rows:
        name, value = row.split("\n")[0], NUMBER.search(row)
        assert value is not None, row
        loadings[name] = abs(float(value.group().replace("−", "-")))
    return max(loadings, key=lambda name: loadings[name])


def read(csv: Path) -> pd.DataFrame:
    return pd.read_csv(csv, comment="#", index_col=0)


def svg_words(path: Path) -> set[str]:
    """All texts of an SVG, whose letters are letters and not outlines."""
    root = ElementTree.parse(path).getroot()
    assert root.tag.endswith("svg")
    return {text.strip() for node in root.iter() if (text := node.text) and text.strip()}


@pytest.mark.usefixtures("shared_data")
def test_the_monocyte_programme_of_pbmc3k(page: Page, lab: Server, tmp_path: Path) -> None:
    log_in(page, lab.url, "bob")
    cells, heatmap = card(page, "Cells"), card(page, "Gene correlations")
    choose(page, "Files on the server", "pbmc.h5ad")
    visible(page.get_by_text("700 cells × 765 genes"))
    open_model(page)
    button(page, "LNMVCP").click()
    page.get_by_role("textbox", name="Factors").fill("10")
    fit(page)
    wait_for_umap(page)

    # a marker leads to its programme
    find_gene(page, "LYZ")
    visible(page.get_by_role("heading", name=re.compile("^LYZ ENSG")))
    programme = strongest_factor(page)
    button(page, f"Choose {programme}").click()
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text(programme)
    visible(cells.get_by_text(f"{programme} score"))

    # its genes are in the heatmap
    choose(heatmap, "Genes", "Chosen factor")
    choose(heatmap, "How many", "50")
    wait_until_drawn(heatmap, 100)
    shown = read(export(page, "Export correlations", "CSV", tmp_path))
    assert shown.shape == (50, 50)
    assert len(MONOCYTES & set(shown.index)) >= 3

    # its cells are in the UMAP, and are those that are labelled so
    table = read(export(page, "Export cells", "CSV", tmp_path))
    scores = table[f"{programme} score (prior sd)"].abs()
    choose(page, "Colour by", "cell_type")
    cells.get_by_role("button", name="CD14+ Monocytes").click()
    visible(page.get_by_text(re.compile(r"^\d+ of 700 cells")))
    chosen = read(export(page, "Export cells", "CSV", tmp_path))["selected"]
    assert scores[chosen].median() > scores[~chosen].quantile(0.75)

    # two genes of it, cell by cell
    find_gene(page, "LYZ")
    partners = page.get_by_role("button", name=re.compile(r"^Compare LYZ with "))
    visible(partners.first)
    names = [(one.get_attribute("aria-label") or "").split()[-1] for one in partners.all()]
    known = [name for name in names if name in MONOCYTES]
    assert len(known) >= 3, names
    button(page, f"Compare LYZ with {known[0]}").click()
    said = page.get_by_text(re.compile(r"^Model: r = "))
    visible(said)
    r = re.search(r"r = (0\.\d+)", said.inner_text())
    assert r is not None
    assert float(r.group(1)) > 0.7

    # the figures and the loadings go into a paper
    umap = svg_words(export(page, "Export cells", "SVG", tmp_path))
    assert {"UMAP 1", "UMAP 2", "CD14+ Monocytes", "121 of 121"} <= umap
    assert "CLR correlation" in svg_words(export(page, "Export correlations", "SVG", tmp_path))
    words = svg_words(export(page, "Export loadings", "SVG", tmp_path))
    assert "CLR loading (nats)" in words
    assert len(MONOCYTES & words) >= 2
    loadings = read(export(page, "Export loadings", "CSV", tmp_path))
    assert loadings.shape == (765, 11)
    assert loadings["id"].str.startswith("ENSG").mean() > 0.9
    top = loadings[programme].abs().nlargest(100).index
    assert len(MONOCYTES & set(top)) >= 3

    # and the page, reloaded, is where it was
    before, address = chips(page), page.url
    page.reload()
    visible(said)
    expect(visible(page.get_by_role("list", name="Chosen"))).to_contain_text("cells ·")
    wait_for_umap(page)
    wait_until_drawn(heatmap, 100)
    assert chips(page) == before
    assert page.url == address
    expect(visible(page.get_by_role("combobox", name="Colour by"))).to_have_text("cell_type")
    expect(heatmap.get_by_role("combobox", name="How many")).to_have_text("50")
    assert lab.complaints() == []
