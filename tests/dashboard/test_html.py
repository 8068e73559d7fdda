from __future__ import annotations

import re

import pandas as pd
import pytest

from dashboard import html
from dashboard.plots.colours import colour_labels, colour_numbers
from dashboard.state import Notice

EVIL = '<img src=x onerror="alert(1)">'


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


def test_numbers_have_a_true_minus() -> None:
    assert html.number(-1234.5, 1) == "−1,234.5"
    assert html.short(-0.5) == "−0.5"
