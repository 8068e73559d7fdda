"""Tables that the server filters, sorts and pages; names are data, never markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import HTMLTemplateFormatter, NumberFormatter, ScientificFormatter
from panel.theme import Native

from dashboard.one_message import one_message
from dashboard.templates import render

STYLES = (Path(__file__).resolve().parents[2] / "assets" / "table.css").read_text("utf-8")
ROW = 21
SMALL = "e"
# Rows of a page; a page that does not fit scrolls.
PAGE = 25
NAME = str(render("pieces.name_in_cell"))


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    title
        Title; may come from the data.
    digits
        A number format such as "0.000", or `SMALL` for p-values; None: text.
    tip
        Words shown on hovering over the title.
    width
        Pixels; None: as wide as its cells.
    """

    title: str
    digits: str | None = None
    tip: str = ""
    width: int | None = None


def field(place: int) -> str:
    """Internal name of a column, which does not depend on its title."""
    return f"c{place}"


def _numbers(digits: str) -> Any:
    if digits == SMALL:
        return ScientificFormatter(precision=1, power_limit_low=-1, nan_format="–")
    return NumberFormatter(format=digits, nan_format="–")


class _Plain(pn.widgets.Tabulator):
    """A Tabulator without its icon font, which is not used."""

    _stylesheets: ClassVar[list[str]] = []


class Table(pn.viewable.Viewer):
    """A table; the first column of text can be filtered.

    Parameters
    ----------
    on_row
        Called with the positions of the selected rows among those given to `fill`.
    many
        Whether several rows can be selected.
    act
        Words for an additional last column, and a function that is called with the position of a
        row when its cell in that column is clicked.
    wide
        Whether columns are as wide as their cells, and scroll, instead of sharing the room.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        on_row: Callable[[list[int]], None] | None = None,
        many: bool = False,
        act: tuple[str, Callable[[int], None]] | None = None,
        wide: bool = False,
    ) -> None:
        super().__init__()
        self._columns = list(columns)
        if act is not None:
            self._columns.append(Column("", tip=act[0], width=26))
        self._on_row, self._act, self._quiet = on_row, act, False
        names = [field(j) for j in range(len(self._columns))]
        self.widget = _Plain(
            pd.DataFrame({name: [] for name in names}),
            show_index=False,
            pagination="remote",
            page_size=PAGE,
            layout="fit_data" if wide else "fit_columns",
            selectable=("toggle" if many else 1) if on_row else False,
            disabled=True,
            row_height=ROW,
            sizing_mode="stretch_both",
            margin=0,
            min_height=80,
            theme="simple",
            design=Native,
            stylesheets=[STYLES],
            **self._look(),
        )
        if on_row:
            self.widget.param.watch(self._report_rows, "selection")
        if act:
            self.widget.on_click(self._clicked, column=names[-1])

    def __panel__(self) -> pn.viewable.Viewable:
        return self.widget

    def fill(self, rows: Sequence[Any]) -> None:
        """Show other values, given column by column; no row is selected."""
        names = [field(j) for j in range(len(self._columns))]
        self._quiet = True
        try:
            arrows = [["↗"] * len(rows[0])] if self._act is not None else []
            value = pd.DataFrame(dict(zip(names, [*rows, *arrows], strict=True)))
            self.widget.param.update(value=value, selection=[], page=1)
        finally:
            self._quiet = False

    def choose(self, row: int | None) -> None:
        """Select a row, or none."""
        wanted = [] if row is None or row >= len(self.widget.value) else [row]
        if wanted != self.widget.selection:
            self._quiet = True
            try:
                self.widget.selection = wanted
            finally:
                self._quiet = False

    def _look(self) -> dict[str, Any]:
        """Settings of the columns; titles are escaped, since Tabulator takes them for HTML."""
        columns = {field(j): column for j, column in enumerate(self._columns)}
        text = [name for name, column in columns.items() if column.digits is None]
        return {
            "titles": {name: _text(column.title) for name, column in columns.items()},
            "header_tooltips": {n: _text(c.tip or c.title) for n, c in columns.items()},
            "formatters": {
                name: HTMLTemplateFormatter(template=NAME)
                if column.digits is None
                else _numbers(column.digits)
                for name, column in columns.items()
            },
            "text_align": {n: "left" if n in text else "right" for n in columns},
            "header_filters": {
                name: {"type": "input", "func": "like", "placeholder": "filter"}
                for name in text[:1]
            },
            "widths": {name: c.width for name, c in columns.items() if c.width},
        }

    def _report_rows(self, event: Any) -> None:
        # Checked before the action: later a selection by the page itself looks like a click.
        if not self._quiet and self._on_row is not None:
            one_message(self._on_row)([int(row) for row in event.new])

    @one_message
    def _clicked(self, event: Any) -> None:
        if self._act is not None:
            self._act[1](int(event.row))


def _text(words: str) -> str:
    return str(render("pieces.text", words))
