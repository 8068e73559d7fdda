"""No table runs in a spreadsheet, and names come back as they were."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import zipfile
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.export import Export, Provenance, render
from dashboard.report.bundle import write_bundle
from dashboard.report.document import document
from dashboard.report.subject import Subject
from engine.shell.common import gene_choice
from engine.spreadsheet import guarded, to_csv, unguarded, write_csv
from tests.dashboard.synthetic import make_fit

EVIL = [
    "=1+1",
    "+A1",
    "-A1",
    "@SUM(A1)",
    "\t=1",
    "\rx",
    "  =1",
    "\ufeff=1",
    "＝1",
    "x;=1",
    "'=1",
    'x;"=1"',
]
GOOD = ["CD3E", "HLA-DRA", "T cell (CD4+)", "a@b", "-1.5", "+2e-3", "", "'quoted'"]
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cells(text: str) -> list[list[str]]:
    """As a spreadsheet takes them, with commas and with semicolons between them."""
    with_commas = list(csv.reader(io.StringIO(text, newline="")))
    return with_commas + list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def runs(cell: str) -> bool:
    if cell.lstrip(" \ufeff").startswith(STARTS):
        try:
            float(cell)
        except ValueError:
            return True
    return False


def table(names: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({f"{name}c": [-1.5] * len(names) for name in names}, index=names)
    frame["text"] = names
    frame["label"] = pd.Categorical(names)
    frame["object"] = pd.array([*names[1:], None], dtype=object)
    frame["whole"] = -np.arange(len(names))
    return frame.rename_axis("=name")


def test_nothing_of_a_table_is_a_formula() -> None:
    written = to_csv(table(EVIL))
    found = [cell for row in cells(written) for cell in row if runs(cell)]
    assert found == []
    many = table(EVIL).set_index(["text", "label"])
    assert not [cell for row in cells(to_csv(many)) for cell in row if runs(cell)]


def test_numbers_stay_numbers_and_names_come_back() -> None:
    read = pd.read_csv(io.StringIO(to_csv(table(EVIL))), index_col=0, keep_default_na=False)
    assert [unguarded(name) for name in read["text"]][:4] == EVIL[:4]
    assert (read["whole"] == -np.arange(len(EVIL))).all()
    assert (read.iloc[:, : len(EVIL)] == -1.5).all(axis=None)


def test_other_tables_are_written_as_they_were() -> None:
    plain = table(GOOD).rename_axis("name")
    plain.columns = [f"column {j}" for j in range(plain.shape[1])]
    assert to_csv(plain) == plain.to_csv()
    assert to_csv(plain, index=False) == plain.to_csv(index=False)
    assert to_csv(plain.iloc[:0]) == plain.iloc[:0].to_csv()


@given(st.text(alphabet="='+-@\t\r\n; \ufeffa1.", max_size=7))
def test_what_is_guarded_is_found_again(text: str) -> None:
    assert not runs(guarded(text))
    if guarded(text) != text:
        assert unguarded(guarded(text)) == text


@pytest.fixture
def subject() -> Subject:
    fit = make_fit(20, len(EVIL), 2, labels=("=cmd|' /C calc'!A0", "-label", "plain"))
    genes = pd.Index([*EVIL, fit.genes[-1]])
    cell_names = pd.Index([f"=cell{c}" for c in range(20)])
    obs = fit.obs.set_axis(cell_names).rename(columns={"cell_type": "@type"})
    fit = replace(fit, genes=genes, cells=cell_names, obs=obs, names=("=factor", "+factor"))
    return Subject.of(fit, None)


def test_export_and_bundle_run_nothing(subject: Subject, tmp_path: Path) -> None:
    def draw() -> None:
        raise AssertionError("not drawn")

    export = Export("table", draw, lambda: table(EVIL))  # type: ignore[arg-type]
    texts = [render(export, "csv", Provenance()).decode()]
    write_bundle(tmp_path / "bundle.zip", subject, [])
    with zipfile.ZipFile(tmp_path / "bundle.zip") as file:
        texts += [file.read(name).decode() for name in file.namelist() if name.endswith(".csv")]
    assert len(texts) > 4
    assert not [cell for text in texts for row in cells(text) for cell in row if runs(cell)]


def test_tables_copied_from_a_report_run_nothing(subject: Subject) -> None:
    written = document(subject, []).decode()
    texts = [unescape(text) for text in re.findall(r"<t[dh][^>]*>([^<]*)<", written)]
    assert "'=factor" in texts
    assert not [text for text in texts if runs(text)]


def test_a_table_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    write_csv(table(EVIL), path)
    before = path.read_bytes()
    write = Path.write_text

    def half(self: Path, text: str, *more: str) -> None:
        write(self, text[:9], *more)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space"):
        write_csv(table(GOOD), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_shell_reads_names_of_such_a_table(tmp_path: Path) -> None:
    path = tmp_path / "genes.csv"
    path.write_text("".join(f"{guarded(name)}\n" for name in ("=gene", "CD3E", "-gene")), "utf-8")
    assert gene_choice(str(path)) == ("=gene", "CD3E", "-gene")
