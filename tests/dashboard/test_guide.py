from __future__ import annotations

from dashboard.guide import TOUR, WORDS, Guide, help_page, tour_pages


def test_keys_and_words_are_explained() -> None:
    said = help_page()
    for word in ("nats", "lfsr", "CLR", "Pareto k", "Find a gene"):
        assert word in said, word
    assert {"nats", "lfsr", "CLR", "Pareto k"} <= set(WORDS)


def test_the_tour_has_four_steps_and_can_be_skipped() -> None:
    pages = tour_pages()
    assert len(pages) == len(TOUR) == 4
    for step, page in enumerate(pages, 1):
        assert f'data-guide="{step}"' in page
        assert ('data-guide="close"' in page) == (step < 4)
    assert Guide().steps == pages
