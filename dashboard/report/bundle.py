"""Figures and tables of a report in one zip, with a list that describes each file."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.export import Kind, render, save, signed, slug
from dashboard.report import report_tables
from dashboard.report.figures import Figure, convergence
from dashboard.report.subject import Subject
from engine.checks import structure_words
from engine.spreadsheet import to_csv
from engine.summaries import with_ids

KINDS: tuple[Kind, ...] = ("svg", "pdf", "csv")
FOLDERS = {"svg": "figures", "pdf": "figures", "csv": "data_of_figures"}


@dataclass
class _Bundle:
    """A zip that is being written, and the list of its files."""

    file: zipfile.ZipFile
    listed: list[str] = field(default_factory=list)

    def add(self, name: str, content: bytes, words: str) -> None:
        self.file.writestr(name, content)
        self.listed.append(f"{name}\n    {words}")


def write_bundle(
    path: Path,
    subject: Subject,
    figures: Sequence[Figure],
    on_progress: Callable[[str], None] = lambda _words: None,
) -> None:
    """Write a zip of every figure (SVG, PDF) with its data (CSV), the tables and the methods text.

    Parameters
    ----------
    on_progress
        Called with words on the progress.
    """
    trace = convergence(subject.fit)
    every = list(figures)
    if trace is not None:
        every.append(Figure("Convergence", "The objective, pass by pass.", trace))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        bundle = _Bundle(file)
        for number, figure in enumerate(every, 1):
            on_progress(f"Drawing {number} of {len(every)}: {figure.title}")
            _add_figure(bundle, subject, figure, number)
        for stem, (words, table) in report_tables.files(subject).items():
            on_progress(f"Writing {stem.replace('_', ' ')}")
            named = with_ids(table, subject.fit)
            bundle.add(f"tables/{stem}.csv", _bytes(to_csv(named)), words)
        bundle.add("methods.txt", _bytes(subject.methods), "A paragraph for a methods section.")
        if (command := subject.command) is not None:
            bundle.add(
                "command.txt", _bytes(f"{command}\n"), "What makes the fit again, in a shell."
            )
            for name, text in command.files.items():
                bundle.add(name, _bytes(text), "Genes of the fit, for the command.")
        warning = structure_words(subject.fit)
        head = f"{subject.provenance}\n\n" + (f"{warning}\n\n" if warning else "")
        file.writestr("README.txt", _bytes(head + "\n".join(bundle.listed) + "\n"))


def _add_figure(bundle: _Bundle, subject: Subject, figure: Figure, number: int) -> None:
    stem = f"{number:02d}_{slug(figure.export.name) or 'figure'}"
    words = " ".join(part for part in (f"{figure.title}.", figure.caption) if part)
    # All files of one figure are made of one drawing.
    drawn = functools.cache(lambda: signed(figure.export, subject.provenance))
    for kind in KINDS:
        name = f"{FOLDERS[kind]}/{stem}.{kind}"
        description = f"The data of {stem}." if kind == "csv" else words
        try:
            content = (
                render(figure.export, kind, subject.provenance, subject.fit)
                if kind == "csv"
                else save(drawn(), figure.export, kind, subject.provenance)
            )
            bundle.add(name, content, description)
        # If one figure cannot be drawn, the others are still written.
        except Exception as error:
            bundle.listed.append(f"{name}\n    Missing: {type(error).__name__}: {error}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
