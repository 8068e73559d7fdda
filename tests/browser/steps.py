"""What a person does on the page and sees of it, for tests to say in a line."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from dashboard.actions import SEARCH

# Milliseconds; nothing waits longer than it must, but a busy machine is slow: for what the page
# does at once, and for a fit.
PATIENCE = 120_000
LONG = 400_000
# Of those who know the server where people log in.
PASSWORDS = {"ada": "x", "bob": "y"}
# As many distinct colours as are asked for at most.
PIXELS = """(canvases, most) => {
  let found = 0
  for (const canvas of canvases) {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    const colours = new Set()
    for (const pixel of new Uint32Array(data.buffer)) {
      if (colours.add(pixel).size + found >= most) return most
    }
    found += colours.size
  }
  return found
}"""
# Whether a plot that is in sight shows a UMAP; those of other tabs may show that of another run.
UMAP = """() => {
  const views = [...Bokeh.index.roots ?? Object.values(Bokeh.index)]
  while (views.length) {
    const view = views.pop()
    const isUmap = view.model.below?.some(axis => axis.axis_label === "UMAP 1")
    if (isUmap && view.el.getClientRects().length) return true
    views.push(...view.children())
  }
  return false
}"""
# The label of the field that takes what is typed.
FIELD = """() => {
  let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  return node?.labels?.[0]?.textContent
}"""
# Every column called so that any plot of the page holds.
COLUMN = """name => Array.from(Bokeh.documents[0].all_models)
  .filter(model => model.type === "ColumnDataSource")
  .map(model => model.data instanceof Map ? model.data.get(name) : model.data[name])
  .filter(values => values !== undefined && values.length > 1)
  .map(values => Array.from(values))[0] ?? []"""


def own_context(browser: Browser) -> BrowserContext:
    """A browser of one's own, in which nothing moves that need not: to paint it takes time."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    return context


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def visible(what: Locator, timeout: float = PATIENCE) -> Locator:
    """Wait until it is visible.

    As ``expect(what).to_be_visible()`` does, which also describes the whole page at each of its
    looks before: twice the work for the browser.
    """
    what.wait_for(timeout=timeout)
    return what


def wait_until_drawn(where: Locator, least: int) -> None:
    """Wait until the plots of a card have so many distinct colours."""
    canvases, deadline = where.locator("canvas"), time.monotonic() + PATIENCE / 1000
    while (colours := canvases.evaluate_all(PIXELS, least)) < least:
        assert time.monotonic() < deadline, f"only {colours} colours"
        where.page.wait_for_timeout(200)


def wait_for_umap(page: Page) -> None:
    # Not at each frame, as is the default: the browser would be busy with it all the while.
    page.wait_for_function(UMAP, timeout=LONG, polling=200)


def column(page: Page, name: str) -> list[object]:
    return page.evaluate(COLUMN, name)


def choose(where: Page | Locator, label: str, option: str) -> None:
    page = where if isinstance(where, Page) else where.page
    where.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("menuitem", name=option, exact=True).click()
    # until it is gone, the menu takes what the mouse does
    expect(page.locator(".MuiPopover-root")).to_have_count(0)


def log_in(page: Page, address: str, name: str) -> None:
    """Ask for an address of a server where people log in, and do so."""
    page.goto(address)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name])
    page.get_by_role("button", name="Log in").click()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def open_model(page: Page) -> None:
    """Unfold the settings of the model."""
    fold = button(page, "Settings of the model")
    if fold.get_attribute("aria-expanded") != "true":
        fold.click()
    visible(button(page, "LNMVCP"))


def open_path(page: Page, path: Path, told: str) -> None:
    """Open counts on the server, and wait until the page tells of them."""
    page.get_by_role("textbox", name="Path of the counts").fill(str(path))
    button(page, "Open path").click()
    opened(page, told)


def open_demo(page: Page) -> None:
    button(page, "Open demo").click()
    opened(page, "700 cells × 765 genes")


def open_run(page: Page, run: str, tab: str = "") -> None:
    """Open a run of the list, which it may not have reached yet; a tab too."""
    page.locator(f".runs .run[data-value='{run}']").click()
    visible(page.locator(f".runs [aria-current] .run[data-value='{run}']"))
    if tab:
        page.get_by_role("tab", name=tab, exact=True).click()


def opened(page: Page, told: str) -> None:
    visible(page.get_by_text(told).first)


def fit(page: Page) -> None:
    """Fit, and wait until that is done: another run may be finished and shown already."""
    shown = page.locator(".runs [aria-current] .run")
    before = shown.get_attribute("data-value") if shown.count() else ""
    button(page, "Fit").click()
    new = page.locator(f".runs [aria-current] .run:not([data-value='{before}'])")
    expect(visible(new)).to_contain_text("done · ", timeout=LONG)
    visible(page.get_by_text("Finished", exact=True))


def find_gene(page: Page, gene: str) -> None:
    """Search a gene and choose it; its id may stand behind it."""
    deadline = time.monotonic() + PATIENCE / 1000
    # A page of which much is drawn may not hear keys yet.
    while page.evaluate(FIELD) != SEARCH:
        assert time.monotonic() < deadline, "no field to search in"
        page.keyboard.press("/")
        page.wait_for_timeout(100)
    page.keyboard.type(gene)
    page.get_by_role("option", name=re.compile(rf"^{re.escape(gene)}( · .*)?$")).click()


def draw_around(where: Locator, share: float = 0.75) -> None:
    """Draw a rectangle by hand around the middle of a plot."""
    # until it is gone, a list of options takes what the mouse does
    expect(where.page.get_by_role("listbox")).to_have_count(0)
    box = where.locator("canvas").first.bounding_box()
    assert box is not None
    low, high = (1 - share) / 2, (1 + share) / 2
    corners = [(low, low), (high, low), (high, high), (low, high), (low, low)]
    mouse = where.page.mouse
    for step, (x, y) in enumerate(corners):
        mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if step == 0:
            mouse.down()
    mouse.up()


def export(page: Page, menu: str, kind: str, folder: Path) -> Path:
    """Save a figure or its data through its menu."""
    page.get_by_role("button", name=menu, exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name=kind, exact=True).click()
    path = folder / saved.value.suggested_filename
    saved.value.save_as(path)
    return path


def chips(page: Page) -> Sequence[str]:
    """What is chosen, in words."""
    return page.get_by_role("list", name="Chosen").get_by_role("listitem").all_inner_texts()
