"""Tab: a grid of the cards in its folder, below a bar."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards import catalogue
from dashboard.cards.card import Card
from dashboard.cards.frame import row
from dashboard.cards.stack import Stack
from dashboard.runner import Runner
from dashboard.state import AppState

# A tab with more rows scrolls; its rows have this least height. It is a style, because Panel
# computes ``min_height`` itself.
ROWS, LEAST = 2, {"min-height": "320px"}


class Tab(pn.viewable.Viewer):
    """A tab of the page.

    Attributes
    ----------
    tab
        Name of its folder.
    widths
        Widths of its columns, percent; equal by default.
    """

    tab: ClassVar[str]
    widths: ClassVar[tuple[int, ...]] = ()

    def __init__(self, state: AppState, browser: Browser, runner: Runner | None = None) -> None:
        super().__init__()
        self.state, self.browser, self.runner = state, browser, runner
        self.shared = {"state": state, "browser": browser, "runner": runner} | self.share()
        self.cards = {kind.entry: self._make(kind) for kind in catalogue.cards(self.tab)}
        self._panel = pn.Column(*self.lay_out(), **self.look())

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def __getitem__(self, name: str) -> Any:
        """The card of an entry."""
        return self.cards[name]

    def share(self) -> dict[str, Any]:
        """Objects that the cards of the tab share, by name, beside state, browser and runner."""
        return {}

    def bar(self) -> list[Any]:
        """Panes above the cards."""
        return []

    def look(self) -> dict[str, Any]:
        """Layout parameters of the tab."""
        return {
            "sizing_mode": "stretch_both",
            "margin": 0,
            "css_classes": ["explore"],
            "stylesheets": [html.STYLES],
        }

    def stack(self, cards: Sequence[Card]) -> Stack:
        """Stack the cards that share a place."""
        raise NotImplementedError

    def lay_out(self) -> list[Any]:
        """The bar, and the rows of cards."""
        rows = [row(*views, shares=self.widths) for views in self.rows()]
        if len(rows) > ROWS:
            for cards in rows:
                cards.styles = LEAST
        return [*self.bar(), *rows]

    def rows(self) -> list[list[Any]]:
        """Cards, row by row; those that share a place as a `Stack`."""
        by_row = itertools.groupby(self.cards.values(), lambda card: card.place.row)
        return [
            [
                self._at(list(here))
                for _, here in itertools.groupby(cards, lambda card: card.place.column)
            ]
            for _, cards in by_row
        ]

    def _at(self, cards: list[Card]) -> Card | Stack:
        first, *others = cards
        if not others and not first.front:
            return first
        if not all(card.front for card in cards):
            named = ", ".join(card.entry for card in cards)
            raise ValueError(f"{named} share a place: all need a `front`, or places of their own")
        self.stacked = self.stack(cards)
        return self.stacked

    def _make(self, kind: type[Card]) -> Card:
        return kind(**{name: self.shared[name] for name in inspect.signature(kind).parameters})
