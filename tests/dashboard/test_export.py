from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import panel_material_ui as pmui
import pytest
from matplotlib.figure import Figure

from dashboard import figures
from dashboard.browser import Browser
from dashboard.controls.export_menu import (
    KINDS,
    NO_FILE,
    NOTHING,
    ExportMenu,
    save_fit,
)
from dashboard.export import Export, Provenance, filename, fit_file, parts, passes, render, slug
from dashboard.runner import Runner
from dashboard.state import AppState, Notice
from engine.results import load
from engine.spreadsheet import unguarded
from tests.dashboard.synthetic import Steps, make_fit, make_topic_fit
from tests.waiting import PATIENCE, wait_for

FROM = Provenance("pbmc3k", "pbmc3k · lnmvcp k10", "LNMVCP", "1 May 2030", "0.1.0")
TABLE = pd.DataFrame({"r": [0.5, -0.25]}, index=pd.Index(["=1+1", 'A"B,é'], name="gene"))


def draw() -> Figure:
    return figures.bars(TABLE["r"], title="t", xlabel="nats")


EXPORT = Export("genes near CD3E", draw, lambda: TABLE)


class Saved(Browser):
    """A browser that records the files that it is to save."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[tuple[str, str, bytes]] = []

    def download(self, name: str, kind: str, content: bytes | Iterable[bytes]) -> None:
        whole = content if isinstance(content, bytes) else b"".join(content)
        self.files.append((name, kind, whole))


@pytest.fixture
def browser() -> Saved:
    return Saved()


class TestFiles:
    def test_names_are_short_and_safe_everywhere(self) -> None:
        assert filename(FROM, "cells", "png") == "logratio_pbmc3k_lnmvcp-k10_cells.png"
        evil = Provenance('../..\\<a href="x">\x00é', "con:?*|" * 50)
        name = filename(evil, "A/B", "svg")
        assert name.endswith("_a-b.svg")
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert name.count(".") == 1
        assert len(name) < 120
        assert filename(Provenance(), "", "h5ad") == "logratio.h5ad"
        assert slug("Zürich β 2") == "zurich-2"

    def test_where_it_is_from_is_said_once(self) -> None:
        assert str(FROM) == "pbmc3k · lnmvcp k10 · LNMVCP · 1 May 2030 · Logratio 0.1.0"

    def test_what_the_page_shows_is_where_it_is_from(self, state: AppState) -> None:
        assert Provenance.of(state).data == ""
        state.summary = SimpleNamespace(name="counts")
        assert Provenance.of(state).data == "counts"
        state.status = SimpleNamespace(name="my run")
        state.show_fit(make_fit(factors=5, state="running", passes=3))
        said = Provenance.of(state)
        assert said.data == "synthetic"
        assert said.run == "my run"
        assert said.model == "LNMVCP, 5 factors, 3 passes, running"
        assert said.version
        assert said.made[-4:].isdigit()

    def test_tables_keep_the_data_exactly(self) -> None:
        written = render(EXPORT, "csv", FROM)
        read = pd.read_csv(io.BytesIO(written), index_col="gene")
        # A spreadsheet would run the first name.
        read.index = read.index.map(unguarded)
        pd.testing.assert_frame_equal(read, TABLE)

    @pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
    def test_figures_say_where_they_are_from(self, kind: Any) -> None:
        written = render(EXPORT, kind, FROM)
        starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
        assert written.startswith(starts[kind])
        if kind == "svg":
            assert written.count(str(FROM).encode()) == 2
        assert b"genes near CD3E" in written


class TestFitFile:
    def test_coordinates_are_added_to_a_copy(self, tmp_path: Path) -> None:
        path = make_fit(cells=30, passes=7).save(tmp_path / "fit.h5ad")
        before = hashlib.sha256(path.read_bytes()).digest()
        xy = np.arange(60.0).reshape(30, 2)
        with fit_file(path, xy) as copy:
            (tmp_path / "saved.h5ad").write_bytes(b"".join(parts(copy)))
        assert not copy.exists()
        assert hashlib.sha256(path.read_bytes()).digest() == before
        assert passes(path) == 7
        opened = ad.read_h5ad(tmp_path / "saved.h5ad")
        np.testing.assert_array_equal(opened.obsm["X_umap"], xy)
        assert opened.obsm["X_lnm"].shape == (30, 5)
        assert opened.varm["lnm_loadings"].shape == (61, 5)
        assert {"cell_type", "total_counts", "capture_efficiency"} <= set(opened.obs)
        assert "lnm_mean_clr" in opened.var

    @pytest.mark.parametrize("xy", [None, np.zeros((7, 2))])
    def test_without_fitting_coordinates_the_file_is_as_it_is(
        self, tmp_path: Path, xy: np.ndarray | None
    ) -> None:
        path = make_fit(cells=30).save(tmp_path / "fit.h5ad")
        with fit_file(path, xy) as file:
            assert "X_umap" not in ad.read_h5ad(file).obsm

    def test_topics_have_coordinates_and_names(self, tmp_path: Path) -> None:
        path = make_topic_fit(cells=30, passes=7).save(tmp_path / "fit.h5ad")
        names = ["<b>one</b>", *(f"topic {k}" for k in range(2, 6))]
        with fit_file(path, np.ones((30, 2)), names) as copy:
            assert ad.read_h5ad(copy).obsm["X_umap"].shape == (30, 2)
            assert load(copy).factor_names == names
        assert passes(path) == 7

    def test_a_run_goes_to_the_browser(
        self, tmp_path: Path, state: AppState, browser: Saved
    ) -> None:
        path = make_fit(cells=30, passes=7).save(tmp_path / "fit.h5ad")
        known = {"run1 7": np.ones((30, 2), np.float32)}
        jobs: Any = SimpleNamespace(
            fit_file=lambda run: path if run == "run1" else None,
            status=lambda run: SimpleNamespace(name="pbmc3k · lnmvcp k10"),
            factor_names=lambda run, passes: ("T cells", *(f"factor {j}" for j in range(2, 6))),
        )
        embedder: Any = SimpleNamespace(known=known.get)
        save_fit(browser, jobs, embedder, "run1", state).result(30)
        ((name, kind, content),) = browser.files
        assert name == "logratio_pbmc3k-lnmvcp-k10.h5ad"
        assert kind == "application/x-hdf5"
        (tmp_path / "saved.h5ad").write_bytes(content)
        assert ad.read_h5ad(tmp_path / "saved.h5ad").obsm["X_umap"].shape == (30, 2)
        assert load(tmp_path / "saved.h5ad").factor_names[:2] == ["T cells", "factor 2"]
        assert load(path).names == (), "the fit of the run itself is left alone"
        assert state.run_error is None

        save_fit(browser, jobs, embedder, "run2", state).result(30)
        assert state.run_error == NO_FILE
        path.write_bytes(b"not a fit")
        save_fit(browser, jobs, embedder, "run1", state).result(30)
        assert state.run_error is not None
        assert "OSError" in state.run_error.got
        assert len(browser.files) == 1

    def test_a_run_of_the_page_is_saved_with_the_umap_that_the_page_shows(
        self, tmp_path: Path, browser: Saved, runner: Runner, steps: Steps, until: Any
    ) -> None:
        state, services = runner.state, runner.services
        runner.read()
        until(lambda: state.ready)
        steps.go_on.set()
        runner.fit()
        until(lambda: state.embedding is not None)
        run = state.run or ""
        save_fit(browser, services.jobs, services.embedder, run, state).result(30)
        ((_, _, content),) = browser.files
        (tmp_path / "saved.h5ad").write_bytes(content)
        umap = ad.read_h5ad(tmp_path / "saved.h5ad").obsm["X_umap"]
        np.testing.assert_allclose(umap, state.embedding.xy)


def button_of(menu: ExportMenu) -> pmui.MenuButton:
    (button,) = menu.__panel__().select(pmui.MenuButton)
    return button


class TestMenu:
    def press(self, menu: ExportMenu, kind: str) -> None:
        button_of(menu)._handle_msg({"type": "click", "item": KINDS.index(kind)})

    def test_is_off_until_there_is_something_to_export(
        self, state: AppState, browser: Saved
    ) -> None:
        menu = ExportMenu(browser, lambda: EXPORT, state, name="cells")
        button = button_of(menu)
        assert (button.label, button.disabled) == ("Export cells", True)
        state.show_fit(make_fit())
        assert not button.disabled
        other = button_of(ExportMenu(browser, lambda: EXPORT, state, needs=("summary",)))
        assert other.disabled
        state.summary = SimpleNamespace(name="counts")
        assert not other.disabled

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_kind_reaches_the_browser(
        self, state: AppState, browser: Saved, kind: str
    ) -> None:
        state.show_fit(make_fit())
        menu = ExportMenu(browser, lambda: EXPORT, state)
        self.press(menu, kind)
        wait_for(lambda: browser.files)
        ((name, media, content),) = browser.files
        assert name == f"logratio_synthetic_genes-near-cd3e.{kind.lower()}"
        assert kind.lower() in media
        assert content
        # the same kind again: the menu must not ignore it as unchanged
        self.press(menu, kind)
        wait_for(lambda: len(browser.files) == 2)

    def test_what_was_shown_at_the_press_is_exported_once(
        self, state: AppState, browser: Saved
    ) -> None:
        go_on = threading.Event()

        def slow() -> pd.DataFrame:
            assert go_on.wait(PATIENCE)
            return TABLE

        state.show_fit(make_fit())
        menu = ExportMenu(browser, lambda: Export("slow", draw, slow), state)
        button = button_of(menu)
        self.press(menu, "CSV")
        assert button.loading
        self.press(menu, "CSV")
        self.press(menu, "PNG")
        state.show_run(None)
        assert not browser.files
        go_on.set()
        wait_for(lambda: not button.loading)
        wait_for(lambda: browser.files)
        assert [name for name, _, _ in browser.files] == ["logratio_synthetic_slow.csv"]

    def test_errors_are_told_and_cleared_by_the_next_press(
        self, state: AppState, browser: Saved
    ) -> None:
        def fail() -> pd.DataFrame:
            raise ValueError("no such table")

        offers: list[Export | None] = [None, Export("bad", draw, fail), EXPORT]
        state.show_fit(make_fit())
        menu = ExportMenu(browser, lambda: offers.pop(0), state)
        self.press(menu, "CSV")
        assert (menu.note, state.run_error) == (NOTHING, None)
        state.marked = ("GENE1",)
        assert menu.note == ""
        self.press(menu, "CSV")
        wait_for(lambda: state.run_error is not None)
        assert "no such table" in state.run_error.got
        assert not button_of(menu).loading
        assert menu.note
        self.press(menu, "CSV")
        wait_for(lambda: browser.files)
        assert (menu.note, state.run_error) == ("", None)

    def test_a_notice_of_something_else_stays(self, state: AppState, browser: Saved) -> None:
        state.show_fit(make_fit())
        state.run_error = Notice("a", "b", "c")
        self.press(ExportMenu(browser, lambda: EXPORT, state), "CSV")
        wait_for(lambda: browser.files)
        assert state.run_error == Notice("a", "b", "c")
