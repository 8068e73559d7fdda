"""Counts that cannot be read: what a person is told, and that the page lives on."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import LONG, button, open_demo, visible
from tests.server import Server

pytestmark = pytest.mark.browser


def test_what_is_no_counts_is_told_and_the_page_lives(
    open_page: Page, server: Server, tmp_path: Path
) -> None:
    page = open_page
    open_demo(page)
    visible(page.get_by_text("Found 700 cells"))
    look_for_a_file_that_is_not_there(page)
    open_values_that_are_no_counts(page, tmp_path)
    upload_a_bad_file_then_a_good_one(page, server, tmp_path)
    assert server.complaints() == []


def test_a_forged_link_is_told_where_it_is_seen(page: Page, server: Server) -> None:
    page.goto(f"{server.url}?run=../../etc&tab=topics")
    expect(visible(page.get_by_role("alert"))).to_contain_text("../../etc")
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=0.5)
    expect(button(page, "Fit")).to_be_enabled()
    assert server.complaints() == []


def look_for_a_file_that_is_not_there(page: Page) -> None:
    # by keys: elsewhere "/" is that of the search
    page.get_by_role("textbox", name="Path of the counts").press_sequentially("/no/such.h5ad")
    page.keyboard.press("Enter")
    told = page.get_by_role("alert")
    for part in ("Expected", "Found", "/no/such.h5ad", "What to do"):
        expect(visible(told)).to_contain_text(part)
    visible(page.get_by_text("700 cells × 765 genes"))
    button(page, "Open demo").click()
    expect(told).to_be_hidden()


def open_values_that_are_no_counts(page: Page, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    ad.AnnData(values).write_h5ad(tmp_path / "normal.h5ad")
    page.get_by_role("textbox", name="Path of the counts").fill(str(tmp_path / "normal.h5ad"))
    button(page, "Open path").click()
    expect(visible(page.get_by_role("alert"))).to_contain_text("counts")


def upload_a_bad_file_then_a_good_one(page: Page, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "cells.h5ad"
    bad.write_text("no HDF5 at all")
    upload = page.get_by_label("Upload a file")
    upload.set_input_files(bad)
    told = page.get_by_role("alert")
    for part in ("Expected", "Found", "cells.h5ad", "What to do"):
        expect(visible(told)).to_contain_text(part)
    assert list((server.home / "uploads").rglob("*.h5ad")) == []
    visible(page.get_by_text("700 cells × 765 genes"))
    expect(button(page, "Fit")).to_be_enabled()

    rng = np.random.default_rng(0)
    good = tmp_path / "good cells.h5ad"
    ad.AnnData(rng.poisson(3, (60, 30)).astype(np.float32)).write_h5ad(good)
    upload.set_input_files(good)
    visible(page.get_by_text("60 cells × 30 genes"), LONG)
    expect(told).to_be_hidden()
