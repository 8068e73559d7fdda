"""A choice that comes from the browser after the options have changed."""

from __future__ import annotations

from dashboard.select import Select


def test_a_choice_that_is_not_offered_any_more_is_not_made() -> None:
    select = Select(options=["topic 1", "topic 2"], value="topic 2")
    browser = select.get_root().data

    select.param.update(options=["NK cells", "B cells"], value="B cells")
    browser.value = "topic 1"

    assert select.value == "B cells"


def test_a_choice_that_is_offered_is_made() -> None:
    select = Select(options={"none": "", "run 1": "r1"}, value="r1")
    browser = select.get_root().data

    browser.value = ""
    assert select.value == ""
    browser.value = "r1"
    assert select.value == "r1"
