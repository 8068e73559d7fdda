"""Cards of one place, one of them in front: small tabs beside its title turn to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn
import param

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.card import Card
from dashboard.cards.frame import COVER, card
from dashboard.controls.export_menu import ExportMenu
from dashboard.export import Export


class Stack(pn.viewable.Viewer):
    """Several cards in one place, one of them in front.

    Parameters
    ----------
    name
        Name of its export menu.
    label
        Label of its small tabs, for screen readers.
    act
        Name of the message that the tabs send.
    message
        Message that covers the card in front while there is nothing to show.
    needs
        As in `Card`.
    overlaid
        Whether all cards lie on one another and a style shows one. The layout does not change then;
        a change would make Bokeh measure the whole page again. Not for tables: a browser can hang
        on a table whose contents it skips.
    """

    def __init__(
        self,
        cards: Sequence[Card],
        browser: Browser,
        *,
        name: str,
        label: str,
        act: str,
        message: Any = "",
        needs: tuple[str, ...] = ("fit",),
        overlaid: bool = False,
    ) -> None:
        super().__init__()
        first = cards[0]
        self.cards = {own.key or own.entry: own for own in cards}
        owner, choice = first.front.split(".")
        self._owner = getattr(first, owner)
        self._front = self._owner.param[choice]
        front, keys = self._front, list(self.cards)
        words = {key: own.word for key, own in self.cards.items()}

        def heading(shown: str, *heads: html.Heading) -> html.Heading:
            head = heads[keys.index(shown)]
            return html.Heading(lists.tabs(label, words, shown, act) + head.title, head.how)

        if overlaid:
            self._body = None
            bodies = [
                pn.Column(
                    own,
                    sizing_mode="stretch_both",
                    margin=0,
                    styles=html.bound(lambda shown, key=key: _style(shown == key), front),
                )
                for key, own in self.cards.items()
            ]
        else:
            self._body = pn.Column(self.front, sizing_mode="stretch_both", margin=0)
            bodies = [self._body]
        cover = html.pane(message, css_classes=["cover"], sizing_mode=None, styles=COVER)
        self._panel = card(
            param.bind(heading, front, *(own.head for own in cards)),
            pn.Column(
                *bodies,
                cover,
                sizing_mode="stretch_both",
                margin=0,
                styles={"position": "relative"},
            ),
            tools=(ExportMenu(browser, self.export, first.state, name=name, needs=needs),),
        )
        browser.on(act, self.turn)
        self._owner.param.watch(self._turned, front.name)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @property
    def front(self) -> Card:
        """The card in front."""
        return self.cards[getattr(self._owner, self._front.name)]

    def turn(self, key: str) -> None:
        """Turn to another card."""
        if key in self.cards:
            # Placed before it is updated: its contents then know their room.
            self._put(key)
            setattr(self._owner, self._front.name, key)

    def _turned(self, event: param.parameterized.Event) -> None:
        self._put(event.new)

    def _put(self, key: str) -> None:
        if self._body is not None and self.cards[key] not in self._body.objects:
            self._body.objects = [self.cards[key]]

    def export(self) -> Export | None:
        """Export of the card in front."""
        return self.front.offer()


def _style(shown: bool) -> dict[str, str]:
    # Not by ``visibility``: HTML panes inside set their own.
    visibility, events = ("visible", "auto") if shown else ("hidden", "none")
    return {**COVER, "content-visibility": visibility, "pointer-events": events}
