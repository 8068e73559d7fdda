"""How quickly the page answers, in a real Chromium: ``python -m benchmarks.page [CASE ...]``.

Each case opens a saved run on a server of its own and repeats every interaction, with and
without a fit (PBMC 3k, 50 factors) going on in the same server; "compared" opens two side by
side. Answered is when the last plot that the input changes has been painted.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page, expect, sync_playwright

from benchmarks.saved import gene_name, save_run
from tests.browser.steps import open_model
from tests.chromium import launch
from tests.server import Server, serve

SIZES = {"2,700": 2_700, "100,000": 100_000, "1,000,000": 1_000_000}
COMPARED = {"2,700 compared": 2_700, "100,000 compared": 100_000}
DATA = Path(__file__).parents[1].parent / "shared" / "data" / "pbmc3k.h5ad"
SCRIPT = Path(__file__).with_name("latency.js").read_text("utf-8")
COLOURS = ("Total counts", "cell_type", "Capture efficiency", "pct_mito")
COLOURFUL = """canvas => new Set(new Uint32Array(canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size > 40"""
PATIENCE = 120_000
QUIET = 350
# Seconds after which a server has warmed up.
WARM = 45


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    known = [*SIZES, *COMPARED]
    parser.add_argument("cases", nargs="*", default=known, help="; ".join(known))
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--data", type=Path, default=DATA, help="counts of the fit that goes on")
    arguments = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    print("| cells | fit running | interaction | n | median ms | 95 % ms | worst ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    notes = []
    for case in arguments.cases:
        if case in COMPARED:
            measure_compared(case, arguments.repeats)
        else:
            notes.append(measure(case, arguments.repeats, arguments.data))
    print("\n" + "\n".join(notes))


def measure(case: str, repeats: int, data: Path) -> str:
    """Print the rows of one case; what opening took, and memory, in words."""
    with tempfile.TemporaryDirectory() as folder:
        run = save_run(Path(folder) / "home", SIZES[case])
        with (
            serve(Path(folder), "--warm", DATA=str(data)) as server,
            sync_playwright() as playwright,
        ):
            browser = launch(playwright)
            time.sleep(WARM)
            painted = [first_paint(browser.new_page(), server) for _ in range(2)]
            chosen = choose_run(browser.new_page(), server)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            opened = open_run(page, server, run)
            # a page that has been looked at for a while
            explore(page, 2)
            report(case, "no", explore(page, repeats))
            with fit_going_on(browser.new_page(), server):
                report(case, "yes", explore(page, repeats))
            browser.close()
            memory = peak_memory(server.pid)
    seconds = ", ".join(f"{s:.1f}" for s in painted)
    return (
        f"- {case} cells: first paint {seconds} s (first, second visitor); run opened in "
        f"{chosen:.1f} s from the list of runs (its first time), in {opened:.1f} s by its address "
        f"in a new browser; server's peak memory {memory:,.0f} MB."
    )


def measure_compared(case: str, repeats: int) -> None:
    """Print the rows of two runs side by side."""
    with tempfile.TemporaryDirectory() as folder:
        one, other = (save_run(Path(folder) / "home", COMPARED[case], seed=seed) for seed in (0, 1))
        with serve(Path(folder), "--warm") as server, sync_playwright() as playwright:
            browser = launch(playwright)
            time.sleep(WARM)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{server.url}?run={one}&tab=compare&with={other}")
            wait_for_cells(page, "Cells in both runs")
            page.wait_for_timeout(3000)
            page.evaluate(SCRIPT)
            compare(page, 2)
            report(case, "no", compare(page, repeats))
            browser.close()


def first_paint(page: Page, server: Server) -> float:
    """Seconds until the numbers of the data are read."""
    began = time.perf_counter()
    page.goto(server.url)
    expect(page.get_by_text(re.compile(r"^Found [\d,]+ cells"))).to_be_visible(timeout=PATIENCE)
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def choose_run(page: Page, server: Server) -> float:
    """Seconds from a click on the only run of the list until its cells are drawn."""
    page.goto(server.url)
    expect(page.get_by_text(re.compile(r"^Found [\d,]+ cells"))).to_be_visible()
    page.wait_for_timeout(3000)
    began = time.perf_counter()
    page.get_by_role("button", name="simulated").first.click()
    wait_for_cells(page)
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def open_run(page: Page, server: Server, run: str) -> float:
    """Seconds until the cells of a run are drawn in a browser that shows the page anew."""
    began = time.perf_counter()
    page.goto(f"{server.url}?run={run}&tab=explore")
    wait_for_cells(page)
    seconds = time.perf_counter() - began
    page.wait_for_timeout(3000)
    page.evaluate(SCRIPT)
    return seconds


def wait_for_cells(page: Page, title: str = "Cells") -> None:
    began = time.perf_counter()
    canvas = card(page, title).locator("canvas").first
    while not (canvas.count() and canvas.evaluate(COLOURFUL)):
        assert time.perf_counter() - began < 60, "the cells were not drawn"
        page.wait_for_timeout(50)


@contextmanager
def fit_going_on(page: Page, server: Server) -> Iterator[None]:
    """A fit that outlasts what is measured."""
    page.goto(server.url)
    expect(page.get_by_text(re.compile(r"^Found [\d,]+ cells"))).to_be_visible()
    open_model(page)
    page.get_by_role("textbox", name="Factors").fill("50")
    page.get_by_role("button", name="Fit", exact=True).click()
    expect(page.get_by_text(re.compile(r"^pass \d+")).first).to_be_visible()
    # the other page only, as for somebody who looks at one run while another goes on
    page.goto("about:blank")
    yield
    page.goto(server.url)
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_visible(timeout=20_000)
    stop.click()
    page.close()


def explore(page: Page, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of every interaction on the Explore tab, by kind."""
    rng = np.random.default_rng(0)
    return interact(
        page,
        repeats,
        {
            "factor": lambda _: answer_key(page, "ArrowRight"),
            "colour": lambda j: choose(page, "Colour by", COLOURS[j % len(COLOURS)]),
            "lasso": lambda _: lasso(page, card(page, "Cells"), rng),
            "gene": lambda j: find(page, gene_name(17 * j + 3)),
            "pair": lambda _: tap(page, card(page, "Gene correlations"), rng),
            "clear": lambda _: answer_key(page, "Escape"),
        },
    )


def compare(page: Page, repeats: int) -> dict[str, list[float]]:
    """The same of the Compare tab."""
    rng = np.random.default_rng(0)
    cells, changes = card(page, "Cells in both runs"), card(page, "Correlations")
    return interact(
        page,
        repeats,
        {
            "factor": lambda _: answer_key(page, "ArrowRight"),
            "colour": lambda j: choose(page, "Colour by", COLOURS[j % len(COLOURS)]),
            "lasso": lambda _: lasso(page, cells, rng, largest=0.15),
            "pair": lambda _: tap(page, changes, rng),
            "clear": lambda _: answer_key(page, "Escape"),
        },
    )


def interact(
    page: Page, repeats: int, kinds: dict[str, Callable[[int], None]]
) -> dict[str, list[float]]:
    """Milliseconds of every interaction, by kind."""
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for j in range(repeats):
        for kind, act in kinds.items():
            act(j)
            found[kind].append(answered(page))
    return found


def answered(page: Page) -> float:
    """Wait until nothing changes any more; milliseconds from the input to the last change."""
    page.wait_for_function(f"window.latency.quiet({QUIET})", timeout=15_000, polling=50)
    return float(page.evaluate("latency.painted - latency.input"))


def answer_key(page: Page, key: str) -> None:
    page.evaluate("latency.arm('keydown')")
    page.keyboard.press(key)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    item = page.get_by_role("menuitem", name=option, exact=True)
    expect(item).to_be_visible()
    page.wait_for_timeout(300)
    page.evaluate("latency.arm('click')")
    item.click()


def find(page: Page, gene: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(gene)
    expect(page.get_by_role("option", name=gene, exact=True)).to_be_visible()
    page.evaluate("latency.arm('click')")
    page.get_by_role("option", name=gene, exact=True).click()
    page.evaluate("document.activeElement?.blur()")


def lasso(page: Page, where: Locator, rng: np.random.Generator, largest: float = 0.3) -> None:
    x, y, width, height = box(where)
    centre = np.array([x + width * rng.uniform(0.4, 0.6), y + height * rng.uniform(0.4, 0.6)])
    angles = np.linspace(0, 2 * np.pi, 30)
    radius = height * rng.uniform(0.1, largest)
    path = centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    page.mouse.move(*path[0])
    page.mouse.down()
    for point in path[1:]:
        page.mouse.move(*point)
    page.evaluate("latency.arm('pointerup')")
    page.mouse.up()


def tap(page: Page, where: Locator, rng: np.random.Generator) -> None:
    x, y, width, height = box(where)
    page.evaluate("latency.arm('pointerup')")
    page.mouse.click(x + width * rng.uniform(0.35, 0.7), y + height * rng.uniform(0.1, 0.6))


def box(where: Locator) -> tuple[float, float, float, float]:
    found = where.locator("canvas").first.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["width"], found["height"]


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def report(case: str, fit: str, found: dict[str, list[float]]) -> None:
    together = [value for values in found.values() for value in values]
    for kind, values in (*found.items(), ("all", together)):
        middle, high = np.quantile(values, [0.5, 0.95])
        row = (case, fit, kind, str(len(values)), f"{middle:.0f}", f"{high:.0f}")
        print(f"| {' | '.join(row)} | {max(values):.0f} |", flush=True)


def peak_memory(pid: int) -> float:
    """Largest resident memory of a process, and of those that it started, MB."""
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    kilobytes = dict(line.split(":", 1) for line in text.splitlines())["VmHWM"].split()[0]
    children = Path(f"/proc/{pid}/task").glob("*/children")
    own = {int(child) for path in children for child in path.read_text("utf-8").split()}
    return int(kilobytes) / 1000 + sum(map(peak_memory, own))


if __name__ == "__main__":
    main()
