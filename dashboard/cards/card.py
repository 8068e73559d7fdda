"""Card: base of the cards of the page: their inputs, computation, figure, table and words."""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from dataclasses import replace
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import panel as pn

from dashboard import html
from dashboard.bare import is_bare
from dashboard.browser import Browser
from dashboard.cards.background import summarised
from dashboard.cards.frame import card, figure, waiting
from dashboard.controls.export_menu import ExportMenu
from dashboard.export import Export
from dashboard.state import AppState
from engine.results import AnyFit


class Place(NamedTuple):
    """Row and column of a card in the grid of its tab; ``order`` sorts cards that share both."""

    row: int
    column: int = 0
    order: int = 0


class Card(pn.viewable.Viewer):
    """A card of a tab.

    A plain card lists what it `follows`, and defines `picture`, `compute`, `paint`, `draw` and
    `tabulate`. A card with another layout defines ``__init__``, which passes the parts to `build`.
    The tab passes the arguments of ``__init__`` by name.

    Attributes
    ----------
    tab, place
        Name of its tab, and its place in the grid.
    entry
        Its name in the export menu and in reports; unique within the tab.
    title
        Its title in a report; by default that of the export.
    caption
        How to read it: on the page, below its figure, in a report. ``{kind}`` stands for the word
        for a latent of the fit.
    formula, caveat
        Texts that its "?" opens.
    follows
        Parameters of the state, or of other objects that its tab shares (``choices.group``). The
        card is updated when one changes. The first is the fit, unless the card overrides `inputs`.
    factors
        Whether it needs a fit with factors.
    needs
        Parameters of the state; nothing can be exported before one of them is set.
    behind
        Whether it is also updated while another tab is in front.
    front
        For cards that share a place: the parameter that holds the `key` of the card in front.
        ``word`` labels the small tab that turns to this card.
    listed
        Number of rows of its table that a report shows.
    """

    tab: ClassVar[str]
    entry: ClassVar[str]
    place: ClassVar[Place]
    title: ClassVar[str] = ""
    caption: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    caveat: ClassVar[str] = ""
    follows: ClassVar[tuple[str, ...]] = ("fit",)
    factors: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("fit",)
    behind: ClassVar[bool] = False
    front: ClassVar[str] = ""
    key: ClassVar[str] = ""
    word: ClassVar[str] = ""
    listed: ClassVar[int] = 0

    state: AppState

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        head = html.heading(self.title, self.caption, self.formula, self.caveat)
        message = waiting(state, factors=self.factors)
        self.build(head, figure(self.picture(), message=message), browser=browser)

    def begin(self, state: AppState) -> None:
        """Set the state; nothing is shown yet."""
        pn.viewable.Viewer.__init__(self)
        self.state = state
        self._panel: Any = None
        self.working: Future[None] | None = None
        self._requested: tuple[Any, ...] | None = None
        self._answer: tuple[tuple[Any, ...], Any] | None = None

    def build(
        self,
        head: Any,
        *body: Any,
        browser: Browser | None = None,
        tools: tuple[Any, ...] = (),
        **params: Any,
    ) -> None:
        """Lay the card out and start to follow; with ``browser`` it gets an export menu."""
        self.head = head
        if self.front:
            # Bokeh measures nested layouts repeatedly: a single part is not wrapped.
            alone = body[0] if len(body) == 1 else None
            self._panel = alone or pn.Column(*body, sizing_mode="stretch_both", margin=0)
        else:
            menu = (self.menu(browser),) if browser is not None else ()
            self._panel = card(head, *body, tools=(*tools, *menu), **params)
        self.follow()

    def follow(self) -> None:
        """Update the card now, and whenever something changes that it follows."""
        own = [name if "." in name else f"state.{name}" for name in self.follows]
        own += [] if self.behind else ["state.tab"]
        own += [self.front] if self.front else []
        for owner, names in itertools.groupby(sorted(set(own)), lambda name: name.split(".")[0]):
            getattr(self, owner).param.watch(self.update, [name.split(".")[1] for name in names])
        self.update()

    def menu(self, browser: Browser) -> ExportMenu:
        """The export menu of the card."""
        return ExportMenu(browser, self.offer, self.state, name=self.entry, needs=self.needs)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @property
    def fit(self) -> AnyFit | None:
        """The fit to show; None without a fit, or if the card needs factors and it has none."""
        fit: AnyFit | None = self.state.fit
        return None if self.factors and is_bare(fit) else fit

    @property
    def result(self) -> Any:
        """The result of `compute` that is shown; None if there is none."""
        return None if self._answer is None else self._answer[1]

    @property
    def is_visible(self) -> bool:
        """Whether its tab is in front (or `behind` is set), and so is the card in its place."""
        in_front = not self.front or attrgetter(self.front)(self) == (self.key or self.entry)
        return in_front and (self.behind or self.state.tab == self.tab)

    def update(self, *events: Any) -> None:
        """Update the card if it is visible."""
        if self.is_visible:
            self.refresh(*events)

    def refresh(self, *_events: Any) -> None:
        """Compute again if the inputs have changed, and show the result."""
        inputs = self.inputs()
        if inputs is None:
            self._requested = self._answer = None
            self.clear()
        elif self._answer is not None and same(self._answer[0], inputs):
            self._paint_or_clear(self._answer[1])
        elif self._requested is None or not same(self._requested, inputs):
            self._requested, self._answer = inputs, None
            self.wait()
            self.working = summarised(
                self.state,
                lambda: self.compute(*inputs),
                lambda result: self._receive(inputs, result),
                quick=self.is_quick(*inputs),
            )

    def _receive(self, inputs: tuple[Any, ...], result: Any) -> None:
        current = self.inputs()
        # The inputs have changed meanwhile: drop the result. If they return, it is computed again.
        if self._requested is not inputs or current is None or not same(current, inputs):
            self._requested = None if self._requested is inputs else self._requested
            return
        self._answer = inputs, result
        self._paint_or_clear(result)

    def _paint_or_clear(self, result: Any) -> None:
        try:
            self.paint(result)
        except Exception:
            # What is on the page was painted from other inputs.
            self._requested = self._answer = None
            self.clear()
            raise

    # What subclasses override.

    def inputs(self) -> tuple[Any, ...] | None:
        """Arguments of `compute`; None while there is nothing to show."""
        if self.fit is None:
            return None
        return tuple(attrgetter(name)(self if "." in name else self.state) for name in self.follows)

    def picture(self) -> Any:
        """Create what the page shows, once: a Bokeh figure, or a Panel object."""
        raise NotImplementedError

    def compute(self, *inputs: Any) -> Any:
        """Compute the result from these inputs; runs in a thread."""
        return inputs[0]

    def is_quick(self, *_inputs: Any) -> bool:
        """Whether `compute` is quick enough to run at once, on the event loop."""
        return False

    def paint(self, result: Any) -> None:
        """Show a result on the page."""

    def clear(self) -> None:
        """Called when there is nothing to show."""

    def wait(self) -> None:
        """Called when `compute` starts."""

    def draw(self, result: Any) -> Any:
        """Figure of a result on paper; its size does not depend on the page."""
        raise NotImplementedError

    def tabulate(self, result: Any) -> pd.DataFrame:
        """Tidy table of a result: the CSV, and the table in a report."""
        raise NotImplementedError

    def stem(self) -> str:
        """Base name of its exported files, and its title where it has no other."""
        return self.title.lower() or self.entry

    @classmethod
    def caption_of(cls, fit: AnyFit | None) -> str:
        """Caption in a report of this fit."""
        return cls.caption.replace("{kind}", fit.latent if fit is not None else "factor")

    # Export.

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export | None:
        """Export for a report made without a page; ``xy`` is the UMAP of the fit, or None."""
        return None

    @classmethod
    def entitled(cls, export: Export | None, fit: AnyFit | None) -> Export | None:
        """Add title and caption to an export."""
        if export is None:
            return None
        words = cls.caption_of(export.of or fit)
        return replace(export, title=cls.title, caption=words, listed=cls.listed)

    def export(self) -> Export | None:
        """Export of what is shown now; None if there is nothing."""
        if self._answer is None:
            return None
        (first, *_), result = self._answer
        # The first input is the fit, or holds it.
        fit = getattr(first, "fit", first)
        return Export(self.stem(), lambda: self.draw(result), lambda: self.tabulate(result), of=fit)

    def offer(self) -> Export | None:
        """`export`, with title and caption."""
        return self.entitled(self.export(), self.state.fit)


def same(these: tuple[Any, ...], those: tuple[Any, ...]) -> bool:
    """Whether two tuples of inputs are the same; fits and arrays are compared by identity."""
    plain = {str, int, float, bool, tuple, list, type(None)}
    return len(these) == len(those) and all(
        a == b if {type(a), type(b)} <= plain else a is b for a, b in zip(these, those, strict=True)
    )
