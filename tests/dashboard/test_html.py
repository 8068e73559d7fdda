from __future__ import annotations

import ast
import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from jinja2 import UndefinedError

from dashboard import html, lists
from dashboard.plots.colours import colour_labels, colour_numbers
from dashboard.state import Notice
from dashboard.templates import Html, render

EVIL = '<img src=x onerror="alert(1)">'
# A tag, the rest of one, or a character reference.
MARKUP = re.compile(r"</?[a-z]|<!|/>|\w=[\"']$|^[\"']>|&#?\w+;", re.IGNORECASE)
OWN = Path(html.__file__).parent


@pytest.mark.parametrize(
    "content",
    [
        html.notice(Notice(EVIL, EVIL, EVIL)),
        html.heading(EVIL, EVIL, EVIL, EVIL).title,
        html.heading(EVIL, EVIL, EVIL, EVIL).how,
        html.badge(EVIL),
        html.empty(EVIL),
        html.note(EVIL),
        html.busy(EVIL),
        html.legend(colour_labels(pd.Series([EVIL, "b"]), EVIL)),
        html.legend(colour_numbers(pd.Series([1.0, 2.0]).to_numpy(), EVIL)),
        html.facts([(EVIL, EVIL)]),
        html.account((EVIL, f"Warning: {EVIL}")),
        html.status(EVIL, [EVIL], EVIL, bad=True),
        html.crumbs(EVIL, EVIL, EVIL),
        html.section(1, EVIL),
    ],
)
def test_names_are_never_markup(content: str) -> None:
    assert "<img" not in content
    assert "&lt;img" in content
    # nor do they end the attribute that they stand in
    assert not re.search(r'onerror="', content)


def test_nothing_to_say_takes_no_room() -> None:
    assert html.notice(None) == html.badge("") == html.empty("") == ""


def test_help_opens_without_the_server() -> None:
    title = html.heading("A", "b", "c", "d").title
    name = re.search(r'popovertarget="([^"]+)"', title)
    assert name is not None
    assert f'id="{name[1]}" popover' in title


def test_a_title_that_is_cut_is_whole_on_hovering() -> None:
    title = html.within(html.heading("A", "b", "c", "d"), f"batch, {EVIL}").title
    match = re.search('<h2 title="([^"]*)">', title)
    assert match is not None
    assert unescape(match[1]) == f"A within batch, {EVIL}"
    assert "title=" not in html.within(html.heading("A", "b", "c", "d"), "").title


def test_numbers_have_a_true_minus() -> None:
    assert html.number(-1234.5, 1) == "−1,234.5"
    assert html.short(-0.5) == "−0.5"


def strings(path: Path) -> list[tuple[int, str]]:
    """String constants of a module without docstrings; f-strings without their values."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_html_is_written_in_templates_only() -> None:
    unsafe_lines = [
        f"{path.relative_to(OWN)}:{line}: {text[:40]!r}"
        for path in sorted(OWN.rglob("*.py"))
        for line, text in strings(path)
        if MARKUP.search(text)
    ]
    assert not unsafe_lines


def test_no_template_lets_anything_through() -> None:
    templates = list((OWN.parent / "assets" / "templates").iterdir())
    assert len(templates) > 4
    for path in templates:
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text("utf-8")), path.name


def test_names_are_escaped_once() -> None:
    button = lists.press("gene", "a", "a & b")
    assert isinstance(button, Html)
    for made in (lists.rows([button], "Genes", "tops"), lists.offered("Try", button)):
        assert str(button) in made
        assert "&amp;amp;" not in made
    assert "<li>&lt;b&gt;</li>" in lists.rows(["<b>"], "Genes", "tops")


def test_a_pane_shows_what_a_template_made() -> None:
    made = html.note("<b> & 'c'")
    assert unescape(html.pane(made).get_root().text) == str(made)


def test_a_template_wants_all_that_it_shows() -> None:
    with pytest.raises(UndefinedError):
        render("pieces.badge")
