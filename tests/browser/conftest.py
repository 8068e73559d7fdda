from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import anndata as ad
import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page, Request, expect, sync_playwright

from tests.browser.steps import PASSWORDS, PATIENCE, own_context
from tests.chromium import launch
from tests.conftest import SHARED_DATA
from tests.server import Server, serve


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Say what a page showed when its test failed."""
    report = yield
    given = getattr(item, "funcargs", {})
    pages = [one for one in given.values() if isinstance(one, Page)]
    if report.when == "call" and report.failed:
        for page in dict.fromkeys(pages):
            with suppress(Error):
                report.sections.append(
                    (f"page at {page.url}", page.locator("body").aria_snapshot())
                )
    return report


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as an institute would run it: people log in, and there is a data root."""
    folder = tmp_path_factory.mktemp("lab")
    known = folder / "people.json"
    known.write_text(json.dumps(PASSWORDS))
    flags = ("--warm", "--basic-auth", str(known), "--cookie-secret", "a secret of these tests")
    with serve(folder, *flags, LOGRATIO_DATA=str(data_root(folder / "data"))) as running:
        yield running


def data_root(folder: Path) -> Path:
    """A folder of counts that are there for all: some real cells, if there are any here.

    Of the demo's shape, whose programs the other tests have compiled.
    """
    folder.mkdir()
    if SHARED_DATA.is_dir():
        whole = ad.read_h5ad(SHARED_DATA / "pbmc3k.h5ad")
        cells = np.linspace(0, whole.n_obs - 1, 700).astype(int)
        variance = np.log1p(whole.X[cells].toarray()).var(axis=0)
        genes = np.sort(np.argsort(-variance)[:765])
        part = ad.AnnData(
            whole.X[cells][:, genes], obs=whole.obs.iloc[cells], var=whole.var.iloc[genes]
        )
        part.write_h5ad(folder / "pbmc.h5ad")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def asked_elsewhere() -> list[str]:
    return []


@pytest.fixture
def foreign(asked_elsewhere: list[str]) -> list[str]:
    """Addresses on other hosts that a page asked for since the test began."""
    asked_elsewhere.clear()
    return asked_elsewhere


def new_page(browser: Browser, asked_elsewhere: list[str]) -> Page:
    """A page whose requests to other hosts are noted; the browser refuses them."""
    context = own_context(browser)

    def note(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            asked_elsewhere.append(request.url)

    context.on("request", note)
    return context.new_page()


@pytest.fixture
def page(browser: Browser, asked_elsewhere: list[str]) -> Iterator[Page]:
    """A page of the test's own; what it opens is for the test to say."""
    page = new_page(browser, asked_elsewhere)
    yield page
    page.context.close()


@pytest.fixture(scope="session")
def kept() -> list[Page]:
    """The page that `open_page` hands on."""
    return []


@pytest.fixture
def fresh_page(
    kept: list[Page], browser: Browser, server: Server, asked_elsewhere: list[str]
) -> Page:
    """A page newly loaded, which `open_page` then hands on."""
    while kept:
        kept.pop().context.close()
    kept.append(new_page(browser, asked_elsewhere))
    kept[0].goto(server.url)
    return kept[0]


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest,
    kept: list[Page],
    browser: Browser,
    server: Server,
    asked_elsewhere: list[str],
) -> Iterator[Page]:
    """The page as the test before left it: to load one takes seconds.

    For tests that begin by opening counts or a run, see `steps.open_path` and its kin. After a test
    that failed there is a new one.
    """
    if not kept:
        kept.append(new_page(browser, asked_elsewhere))
        kept[0].goto(server.url)
    failed = request.session.testsfailed
    yield kept[0]
    if request.session.testsfailed > failed:
        kept.pop().context.close()
