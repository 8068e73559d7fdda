"""The documentation: its examples run as they stand, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd
import pytest
from scipy import io, sparse

import engine
from engine import inference
from engine.__main__ import main
from engine.data import Counts
from engine.fitting.progress import Progress
from engine.lda.config import LDAConfig
from engine.registry import Config
from engine.results import Selection, Tried
from engine.selection.growth import Grown
from tests.engine.jobs.real_runs import HOLDOUT, more_data
from tests.tiny import FACTORS, LNM, tiny_data

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs" / "extensions"))

from offline import loaded_from_elsewhere  # noqa: E402

PAGES = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES["README.md"] = ROOT / "README.md"
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SHELL = "python -m engine "
GENES = ["CD3E", "LYZ", "NKG7"]


def examples(page: Path) -> list[tuple[str, str]]:
    """Language and code of the blocks that are to be run."""
    found = [(match[1], match[2]) for match in FENCED.finditer(page.read_text("utf-8"))]
    return [(language, code) for language, code in found if language in ("python", "console")]


def named(data: ad.AnnData) -> ad.AnnData:
    """A small problem, some of its genes called as the examples call them."""
    names = [*GENES, *data.var_names[len(GENES) :]]
    number = range(data.n_obs)
    obs = data.obs.assign(
        donor=[f"donor {c % 8 // 2}" for c in number],
        condition=["ill" if c % 2 else "control" for c in number],
    )
    return ad.AnnData(data.X, obs=obs, var=pd.DataFrame(index=names))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples call a user's files."""
    folder = tmp_path_factory.mktemp("files")
    for number, name in enumerate(("counts", "other", "heldout")):
        named(tiny_data(seed=2 + number)).write_h5ad(folder / f"{name}.h5ad")
    geo, data = folder / "geo_folder", named(tiny_data())
    (folder / "t_cells.txt").write_text("\n".join(data.obs_names))
    geo.mkdir()
    for sample in ("GSM101_A", "GSM101_B"):
        io.mmwrite(geo / f"{sample}_matrix.mtx", sparse.csr_matrix(data.X).T.astype(int))
        (geo / f"{sample}_barcodes.tsv").write_text("\n".join(data.obs_names))
        lines = [f"{name}\t{name}\tGene Expression" for name in data.var_names]
        (geo / f"{sample}_features.tsv").write_text("\n".join(lines))
    return folder


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of few passes; a number of factors that nobody looked for."""
    fit_iter = inference.fit_iter

    def few(counts: Counts, config: Config, **more: Any) -> Iterator[Progress]:
        config = replace(config, max_passes=5)
        if isinstance(config, LDAConfig):
            config = replace(config, n_starts=1)
        return fit_iter(counts, config, **more)

    def grow(counts: Counts, config: Config) -> Generator[Progress, None, Grown]:
        yield from ()
        tried = Tried(FACTORS, 10.0, 0.0, 0.0, False, 0.1)
        return Grown(Selection(FACTORS, "Two will do.", (tried,), 60, 20), None)

    monkeypatch.setattr(inference, "fit_iter", few)
    monkeypatch.setattr("engine.selection.fitting.grow", grow)


# Their examples set cells aside; as many are then left as other fits have, compiled once.
SET_ASIDE = ("docs/compare_runs.md", "docs/number_of_factors.md")
assert HOLDOUT == 0.2
# What contributors add is run by tests/additions, and by the test of a new card.
RUN = [name for name, path in PAGES.items() if examples(path) and path.name != "contributing.md"]


@pytest.mark.fit
@pytest.mark.parametrize("page", RUN)
@pytest.mark.usefixtures("cheap")
def test_examples_run(
    page: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(files, folder)
    monkeypatch.chdir(folder)
    if page in SET_ASIDE:
        named(more_data("lnm")).write_h5ad("counts.h5ad")
    if "fit.h5ad" in PAGES[page].read_text("utf-8"):
        counts = engine.read_counts("counts.h5ad", genes="all")
        engine.fit(counts, LNM).save("fit.h5ad", counts=counts.matrix())
    known: dict[str, Any] = {}
    for language, code in examples(PAGES[page]):
        if language == "python":
            exec(compile(code, page, "exec"), known)
            continue
        for line in code.splitlines():
            assert line.startswith(SHELL), line
            words = shlex.split(line.removeprefix(SHELL))
            # A UMAP takes seconds, and has tests of its own.
            more = ["--no-umap"] if words[0] == "report" else []
            assert main([*words, *more]) == 0, line
            for option in {"--out", "--zip"} & set(words):
                assert Path(words[words.index(option) + 1]).stat().st_size


@pytest.mark.parametrize("page", PAGES)
def test_commands_stand_where_they_are_run(page: str) -> None:
    rest = FENCED.sub("", PAGES[page].read_text("utf-8"))
    assert not [line for line in rest.splitlines() if line.strip().startswith(SHELL)]


def anchors(page: Path) -> set[str]:
    """What a link can point at in a page: its headings, as GitHub and MyST write them."""
    text = page.read_text("utf-8")
    for other in re.findall(r"^```\{include\} (\S+)$", text, re.MULTILINE):
        text += (page.parent / other).read_text("utf-8")
    titles = re.findall(r"^#{1,3} (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    wrong = []
    for link in LINK.findall(PAGES[page].read_text("utf-8")):
        name, _, anchor = link.partition("#")
        if "://" in link or name.startswith("_images/"):
            continue
        path = PAGES[page].parent / name if name else PAGES[page]
        if not path.is_file() or (anchor and anchor not in anchors(path)):
            wrong.append(link)
    assert not wrong


def test_pictures_are_those_that_are_taken() -> None:
    shown = {
        name
        for path in PAGES.values()
        for name in re.findall(r"_images/(\w+)\.png", path.read_text("utf-8"))
    }
    taken = re.findall(r'shot\(page, "(\w+)"\)', (ROOT / "docs" / "screenshots.py").read_text())
    assert shown == set(taken)


def told(page: str, heading: str) -> set[str]:
    """What stands as code in the first column of the table below a heading."""
    text = PAGES[page].read_text("utf-8").split(heading, 1)[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_setting_of_the_server_is_told() -> None:
    code = [path for part in ("dashboard", "engine") for path in (ROOT / part).rglob("*.py")]
    read = {name for path in code for name in re.findall(r'"(LOGRATIO_\w+)"', path.read_text())}
    assert len(read) > 5
    assert read | {"DATA"} == told("docs/lab.md", "## Settings")


def test_every_command_of_the_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out.partition("Commands:")[2]
    commands = re.findall(r"^  ([\w-]+)", listed, re.MULTILINE)
    assert set(commands) == told("docs/shell.md", "# From a shell")


def test_layers_of_the_code_are_told_in_their_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    inside = next(one for one in contracts["contracts"] if one.get("containers") == ["engine"])
    text = PAGES["docs/architecture.md"].read_text("utf-8")
    assert re.findall(r"^engine\.(\w+(?: \| \w+)*) ", text, re.MULTILINE) == inside["layers"]


LOADED = [
    '<script src="https://host/a.js"></script>',
    '<link rel="stylesheet" href="//host/a.css">',
    '<img srcset="https://host/a.png 2x">',
    "<style>@import 'https://host/a.css';</style>",
    '<p style="background: url(https://host/a.png)">',
]
NOT_LOADED = [
    '<a href="https://host/">there</a>',
    '<link rel="canonical" href="https://host/">',
    '<script src="_static/a.js"></script>',
    '<img src="data:image/png;base64,aa">',
    '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
]


@pytest.mark.parametrize(("text", "found"), [(t, 1) for t in LOADED] + [(t, 0) for t in NOT_LOADED])
def test_what_a_page_loads_from_elsewhere_is_found(tmp_path: Path, text: str, found: int) -> None:
    (tmp_path / "page.html").write_text(f"<!doctype html><body>{text}</body>")
    assert len(loaded_from_elsewhere(tmp_path)) == found
