"""A server that goes away: the page says so, and comes back with it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.steps import PATIENCE
from tests.server import ROOT, serve

pytestmark = pytest.mark.browser

# What tells of it is part of the page's invisible component; the rest of the page, whose import
# takes seconds, is left out.
APP = f"""
import sys
import types

import panel as pn

package = types.ModuleType("dashboard")
package.__path__ = [{str(ROOT / "dashboard")!r}]
sys.modules["dashboard"] = package

from dashboard.browser import Browser

pn.Column("# Here it is", Browser()).servable()
"""


def test_the_page_says_so_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    app = tmp_path / "small.py"
    app.write_text(APP)
    page = browser.new_page()
    heading, told = page.get_by_role("heading", name="Here it is"), page.get_by_role("alert")
    with serve(tmp_path, app=app) as server:
        page.goto(server.url)
        expect(heading).to_be_visible(timeout=PATIENCE)
        expect(told).to_have_count(0)
    expect(told).to_contain_text("The server does not answer", timeout=5000)
    expect(heading).to_be_visible()
    with serve(tmp_path, app=app, port=urlsplit(server.url).port or 0):
        expect(told).to_have_count(0, timeout=PATIENCE)
        expect(heading).to_be_visible(timeout=PATIENCE)
    page.close()
