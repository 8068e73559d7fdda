"""Subject and figures -> one HTML file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from dashboard import size_selection
from dashboard.bare import NO_FINDING, bare_words, is_bare
from dashboard.report import report_tables
from dashboard.report.figures import Figure, convergence, pass_word
from dashboard.report.inline import inline_svg
from dashboard.report.subject import Subject
from dashboard.templates import Html, render
from engine.checks import structure_words
from engine.results import selection_of
from engine.spreadsheet import guarded
from engine.summaries import LABEL_ADVICE, bound_words
from engine.text import count

STYLES = (Path(__file__).resolve().parents[2] / "assets" / "report.css").read_text("utf-8")
# Nothing is fetched and nothing runs, whatever a name contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
UNKNOWN = (
    "The fit does not tell which file its counts are from, or which of its cells were set aside."
)
NO_BREAK = "\N{NO-BREAK SPACE}"
OnProgress = Callable[[str], None]


def document(
    subject: Subject, figures: Sequence[Figure], on_progress: OnProgress = lambda _words: None
) -> bytes:
    """The report as one file of HTML, which holds everything it shows.

    Parameters
    ----------
    on_progress
        Called with words on the progress.
    """
    on_progress("Writing the report")
    parts = [
        ("methods", "Methods", _methods(subject)),
        ("data", "Data", _data(subject)),
        ("convergence", "Convergence", _convergence(subject)),
        ("number", f"Number of {subject.kind}s", _number(subject)),
        ("figures", "Figures", _figures(subject, figures, on_progress)),
        ("tables", f"{subject.kind.capitalize()}s", _shares(subject)),
        ("score", "Held-out cells", _score(subject)),
        ("check", "Predictive check", _check(subject)),
        ("settings", "Settings", _table(report_tables.configuration(subject))),
        ("again", "To make it again", _again(subject)),
    ]
    shown = [part for part in parts if part[2]]
    made = subject.provenance
    title = made.run or made.data or "A fit"
    subtitle = " · ".join(
        part for part in (made.model, made.made, f"Logratio {made.version}".strip()) if part
    )
    page = render(
        "report.document",
        title,
        subtitle,
        report_tables.summary(subject),
        _warnings(subject),
        shown,
        styles=Markup(STYLES),
        policy=POLICY,
    )
    return page.encode("utf-8", "replace")


def _warnings(subject: Subject) -> list[str]:
    status = subject.fit.status
    said = []
    if status.state in ("stopped", "running"):
        said.append(f"This fit has not converged: {status.reason or status.state}.")
    if status.n_failed_cells:
        said.append(f"The posterior mode of {status.n_failed_cells:,} cells was not found.")
    said += [structure_words(subject.fit), bound_words(subject.fit)]
    return [line for line in said if line]


def _methods(subject: Subject) -> str:
    text, _, cited = subject.methods.partition("\n\n")
    return render("report.methods", text, cited.splitlines()[1:])


def _data(subject: Subject) -> str:
    return render("report.data", report_tables.data(subject), report_tables.account(subject))


def _convergence(subject: Subject) -> str:
    status, export = subject.fit.status, convergence(subject.fit)
    said = f"{status.state.capitalize()}: {status.reason}" if status.reason else status.state
    many = {"pass": "passes", "epoch": "epochs"}
    word = pass_word(subject.fit)
    said += f"; {count(status.passes, word, many[word])} in {status.seconds:,.1f} s."
    said += f" The objective is {subject.fit.methods().objective}, mean of all cells."
    drawn = ""
    if export is not None:
        caption = (
            "Left: all; right: without the first quarter." if len(subject.fit.trace) > 3 else ""
        )
        drawn = _figure(subject, Figure("Objective", caption, export), "f0")
    return render("report.said", said, drawn)


def _number(subject: Subject) -> str:
    selection = selection_of(subject.fit)
    if selection is None:
        return ""
    head, *_ = table = [size_selection.titles(selection), *size_selection.rows(selection)]
    rows = pd.DataFrame([line[1:] for line in table[1:]], columns=head[1:])
    rows.index = pd.Index([line[0] for line in table[1:]], name=f"{subject.kind}s")
    return render(
        "report.said", f"{selection.reason} {size_selection.cells(selection)}", _table(rows)
    )


def _figures(subject: Subject, figures: Sequence[Figure], on_progress: OnProgress) -> str:
    drawn = []
    for number, figure in enumerate(figures, 1):
        on_progress(f"Drawing {number} of {len(figures)}: {figure.title}")
        drawn.append(_figure(subject, figure, f"f{number}"))
    return render("report.figures", drawn)


def _figure(subject: Subject, figure: Figure, prefix: str) -> str:
    shown: str
    try:
        # Safe: it is XML that was written from an element tree.
        shown = Markup(inline_svg(figure.export, subject.provenance, prefix, figure.title))
        listed = figure.export.table().head(figure.export.listed) if figure.export.listed else None
        rows = "" if listed is None else _table(listed.map(report_tables.plain))
    # If one figure cannot be drawn, the others are still shown.
    except Exception as error:
        words = f"This figure could not be drawn ({type(error).__name__}: {error})."
        shown, rows = render("report.warning", words), ""
    return render("report.figure", figure.title, figure.caption, shown, rows)


def _shares(subject: Subject) -> str:
    if is_bare(subject.fit):
        return render("report.said", f"{bare_words(subject.fit)} {NO_FINDING}")
    table = report_tables.shares(subject, NO_BREAK)
    advice = LABEL_ADVICE if report_tables.LABELS in table else ""
    return render("report.shares", _table(table), advice)


def _score(subject: Subject) -> str:
    rows = report_tables.score(subject)
    if not rows:
        return ""
    how = "Cells that the fit has not seen: half of their counts predict the other half."
    return render("report.score", how, rows)


def _check(subject: Subject) -> str:
    check = subject.check
    if not check:
        return render("report.said", "The fit was not checked against replicates drawn from it.")
    how = f"Counts against {check['n_draws']:,} replicates drawn from the fit; {check['mode']}."
    findings = check.get("findings") or ["No misfit that is both significant and large."]
    lines = [*findings, *check.get("notes", [])]
    laplace = str(check.get("laplace") or "")
    return render("report.check", laplace, how, report_tables.check(subject), lines)


def _again(subject: Subject) -> str:
    command = subject.command
    if command is None:
        return render("report.said", UNKNOWN)
    files = [(name, f"{len(text.splitlines()):,}", text) for name, text in command.files.items()]
    return render("report.again", str(command), subject.request_known, files)


def _cell(value: object) -> str:
    # A reader may copy the table to a spreadsheet.
    return str(guarded(str(value)))


def _table(table: pd.DataFrame) -> Html:
    names = [str(table.index.name or ""), *map(str, table.columns)]
    rows = zip(table.index, table.to_numpy().tolist(), strict=True)
    body = [[_cell(value) for value in (name, *row)] for name, row in rows]
    return render("lists.table", [_cell(name) for name in names], body, kind="")
