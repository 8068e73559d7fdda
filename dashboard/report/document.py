"""Subject and figures -> one HTML file. Whatever comes from data is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from dashboard import choosing
from dashboard.bare import NO_FINDING, bare_words, is_bare
from dashboard.report import tables
from dashboard.report.figures import Figure, convergence, pass_word
from dashboard.report.inline import inline_svg
from dashboard.report.subject import Subject
from engine.checks import structure_words
from engine.results import selection_of
from engine.spreadsheet import guarded
from engine.summaries import LABEL_ADVICE, bound_words
from engine.text import count

STYLES = (Path(__file__).resolve().parents[2] / "assets" / "report.css").read_text("utf-8")
# Nothing is fetched and nothing runs, whatever a name may hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
NO_BREAK = "\N{NO-BREAK SPACE}"
Tell = Callable[[str], None]


def document(
    subject: Subject, figures: Sequence[Figure], tell: Tell = lambda _words: None
) -> bytes:
    """The report as one file of HTML, which holds everything it shows.

    Parameters
    ----------
    tell
        Hears in words what is being done.
    """
    tell("Writing the report")
    parts = [
        ("methods", "Methods", _methods(subject)),
        ("data", "Data", _data(subject)),
        ("convergence", "Convergence", _convergence(subject)),
        ("number", f"Number of {subject.kind}s", _number(subject)),
        ("figures", "Figures", _figures(subject, figures, tell)),
        ("tables", f"{subject.kind.capitalize()}s", _shares(subject)),
        ("score", "Held-out cells", _score(subject)),
        ("check", "Predictive check", _check(subject)),
        ("settings", "Settings", _table(tables.configuration(subject))),
        ("again", "To make it again", _again(subject)),
    ]
    shown = [part for part in parts if part[2]]
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in shown)
    body = "".join(
        f'<section id="{name}"><h2>{escape(title)}</h2>{content}</section>'
        for name, title, content in shown
    )
    made = subject.provenance
    title = made.run or made.data or "A fit"
    told = " · ".join(
        part for part in (made.model, made.made, f"Logratio {made.version}".strip()) if part
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLES}</style></head><body>"
        f'<header><p class="tool">Logratio</p><h1>{escape(title)}</h1><p>{escape(told)}</p>'
        f"{_facts(tables.summary(subject), 'summary')}{_warning(subject)}"
        f'<nav aria-label="Contents">{links}</nav></header><main>{body}</main></body></html>\n'
    ).encode("utf-8", "replace")


def _warning(subject: Subject) -> str:
    status = subject.fit.status
    said = []
    if status.state in ("stopped", "running"):
        said.append(f"This fit has not converged: {status.reason or status.state}.")
    if status.n_failed_cells:
        said.append(f"The posterior mode of {status.n_failed_cells:,} cells was not found.")
    said += [structure_words(subject.fit), bound_words(subject.fit)]
    return "".join(f'<p class="warning">{escape(line)}</p>' for line in said if line)


def _methods(subject: Subject) -> str:
    text, _, cited = subject.methods.partition("\n\n")
    lines = "".join(f"<li>{escape(line)}</li>" for line in cited.splitlines()[1:])
    told = f'<h3>References</h3><ul class="references">{lines}</ul>' if lines else ""
    return f'<p class="methods">{escape(text)}</p>{told}'


def _data(subject: Subject) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in tables.account(subject))
    return _facts(tables.data(subject)) + (f"<ul>{lines}</ul>" if lines else "")


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
    return f"<p>{escape(said)}</p>{drawn}"


def _number(subject: Subject) -> str:
    found = selection_of(subject.fit)
    if found is None:
        return ""
    head, *_ = table = [choosing.titles(found), *choosing.rows(found)]
    rows = pd.DataFrame([line[1:] for line in table[1:]], columns=head[1:])
    rows.index = pd.Index([line[0] for line in table[1:]], name=f"{subject.kind}s")
    words = f"{found.reason} {choosing.cells(found)}"
    return f"<p>{escape(words)}</p>{_table(rows)}"


def _figures(subject: Subject, figures: Sequence[Figure], tell: Tell) -> str:
    drawn = []
    for place, figure in enumerate(figures, 1):
        tell(f"Drawing {place} of {len(figures)}: {figure.title}")
        drawn.append(_figure(subject, figure, f"f{place}"))
    return "".join(drawn)


def _figure(subject: Subject, figure: Figure, prefix: str) -> str:
    try:
        shown = inline_svg(figure.export, subject.provenance, prefix, figure.title)
        listed = figure.export.table().head(figure.export.listed) if figure.export.listed else None
        rows = "" if listed is None else _table(listed.map(tables.plain))
    # One figure that cannot be drawn must not cost the others.
    except Exception as error:
        words = f"This figure could not be drawn ({type(error).__name__}: {error})."
        shown, rows = f'<p class="warning">{escape(words)}</p>', ""
    return (
        f"<figure><h3>{escape(figure.title)}</h3>{shown}"
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>{rows}"
    )


def _shares(subject: Subject) -> str:
    if is_bare(subject.fit):
        return f"<p>{escape(bare_words(subject.fit))} {NO_FINDING}</p>"
    table = tables.shares(subject, NO_BREAK)
    said = f"<p>{escape(LABEL_ADVICE)}</p>" if tables.LABELS in table else ""
    return _table(table) + said


def _score(subject: Subject) -> str:
    rows = tables.score(subject)
    if not rows:
        return ""
    how = "Cells that the fit has not seen: half of their counts predict the other half."
    return f"<p>{how}</p>{_facts(rows)}"


def _check(subject: Subject) -> str:
    check = subject.check
    if not check:
        return "<p>The fit was not checked against replicates drawn from it.</p>"
    how = f"Counts against {check['n_draws']:,} replicates drawn from the fit; {check['mode']}."
    found = check.get("findings") or ["No misfit that is both significant and large."]
    lines = "".join(f"<li>{escape(line)}</li>" for line in [*found, *check.get("notes", [])])
    laplace = str(check.get("laplace") or "")
    warning = f'<p class="warning">{escape(laplace)}</p>' if laplace else ""
    return f"{warning}<p>{escape(how)}</p>{_facts(tables.check(subject))}<ul>{lines}</ul>"


def _again(subject: Subject) -> str:
    command = subject.command
    if command is None:
        return "<p>The fit does not tell which file its counts are from.</p>"
    said = f"<pre>{escape(str(command))}</pre>"
    if not subject.told:
        said += (
            "<p>Made up from the fit: how its genes were chosen, and a column of library sizes "
            "if one was used, are not known.</p>"
        )
    for name, text in command.files.items():
        lines = text.splitlines()
        said += (
            f"<details><summary>{escape(name)}, which has to lie beside it: {len(lines):,} names, "
            f"a line each</summary><pre>{escape(text)}</pre></details>"
        )
    return said


def _facts(rows: Sequence[tuple[str, str]], kind: str = "facts") -> str:
    body = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows
    )
    return f'<dl class="{kind}">{body}</dl>'


def _cell(value: object) -> str:
    return escape(str(guarded(str(value))))


def _table(table: pd.DataFrame) -> str:
    # A copied table becomes one of a spreadsheet.
    names = [str(table.index.name or ""), *map(str, table.columns)]
    head = "".join(f'<th scope="col">{_cell(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{_cell(name)}</th>'
        + "".join(f"<td>{_cell(value)}</td>" for value in row)
        + "</tr>"
        for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
