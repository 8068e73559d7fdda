"""Help on keys and words at "?", and a tour of four steps at the first visit."""

from __future__ import annotations

from pathlib import Path

import param
from panel.custom import JSComponent

from dashboard.templates import render

SCRIPT = Path(__file__).resolve().parent.parent / "assets" / "guide.js"

KEYS = {
    "/": "Find a gene.",
    "← → ↑ ↓": "The factor or topic before, and the next one.",
    "Esc": "Let go of the selected cells; close this help.",
    "?": "This help.",
    "Shift, Alt": "Held while you draw around cells: add them, or take them away.",
}
WORDS = {
    "CLR": "Centred log-ratio: the log of a gene's share of the counts, less the mean log share of "
    "all modelled genes. 0 is the level of the average gene, not absence.",
    "nats": "Units of the natural logarithm. A difference of 0.7 nats is a factor of 2, one of 2.3 "
    "nats a factor of 10.",
    "factor, loading, score": "A factor is a programme of genes; loadings say how far each gene "
    "follows it, scores how strongly each cell has it.",
    "topic": "A distribution over genes; a cell is a mixture of topics.",
    "capture efficiency": "Which share of its molecules a cell shows as counts.",
    "lfsr": "Local false sign rate: the probability that an effect is truly zero or has the other "
    "sign. Small is sure. “–”: not worked out, or no test is valid.",
    "fsos": "False sign or small: the probability that a correlation has the other sign or is no "
    "larger than 0.1.",
    "perplexity": "Of how many equally likely genes a held-out count seems to be drawn. Lower is "
    "better.",
    "Pareto k": "How well an approximation stood its test in a cell: up to 0.7 it can be trusted.",
}
TOUR = (
    ("Pick counts", "Open a file on the left, drop one there, or stay with the demo of 700 cells."),
    ("Fit", "Press Fit at the lower left. Results come while it runs; Stop keeps the best so far."),
    (
        "Look",
        "Under Explore, draw around cells, click a factor or find a gene: all views follow. Topics "
        "ranks the genes of each, and Compare sets two runs side by side.",
    ),
    (
        "Doubt, and take away",
        "Check says what the model does not fit. Every view, table and run can be saved. Press ? "
        "for the keys and for what the words mean.",
    ),
)
BUTTON = render("guide.help_button")


def help_page() -> str:
    """Keys, then words: HTML."""
    return render("guide.help", {"Keys": KEYS, "Words": WORDS})


def tour_pages() -> list[str]:
    """The steps of the tour: HTML."""
    return [render("guide.step", place, len(TOUR), *step) for place, step in enumerate(TOUR, 1)]


class Guide(JSComponent):
    """The help and the tour of one page; hidden until ``?`` or `BUTTON` is pressed."""

    help = param.String(help_page(), constant=True)
    steps = param.List(tour_pages(), constant=True)

    _esm = SCRIPT.read_text("utf-8")

    def __init__(self) -> None:
        super().__init__(width=0, height=0, margin=0, sizing_mode="fixed")
