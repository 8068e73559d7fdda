"""Counts of a few genes, observed over predicted, as small panels of one figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool

from dashboard.cut import cut
from dashboard.plots.check_bins import ACROSS, HIGH, KINDS, LOW, limits, ticks
from dashboard.plots.names import MARK, blank, extent, in_view, plain
from dashboard.plots.style import ACCENT, MISSING

HEIGHT = 160
# Many panels cost no more than one, but small ones cannot be read.
MOST = 9
INK = "#7d868e"
# Margins of a panel, as shares of its width and height.
LEFT, RIGHT, TOP, BOTTOM = 0.17, 0.06, 0.15, 0.14
QUADS = ("left", "right", "bottom", "top")
HOVER = [
    ("", "@gene"),
    ("counts", "@range"),
    ("observed", "@observed{0,0.[000]}"),
    ("predicted", "@predicted{0,0.[00]}"),
    ("90 %", "@from{0,0.[00]} – @to{0,0.[00]}"),
]


def columns_for(count: int) -> int:
    """The number of panels side by side."""
    return 1 if count == 1 else 2 if count <= 4 else 3


class CountPanels:
    """Panels of genes, row by row from the top left; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=20, bottom=20, height=HEIGHT)
        self.figure.toolbar_location = None
        self.figure.axis.ticker = FixedTicker(ticks=[])
        for axis in self.figure.axis:
            axis.axis_label_text_font_size = "11px"
        self.genes: tuple[str, ...] = ()
        self._columns = 1
        self._sources = {
            "wide": ColumnDataSource({side: [] for side in QUADS}),
            "narrow": ColumnDataSource({side: [] for side in QUADS}),
            "bars": ColumnDataSource({side: [] for side in QUADS}),
            "rules": ColumnDataSource({name: [] for name in ("x0", "x1", "y0", "y1")}),
            "lines": ColumnDataSource({"xs": [], "ys": []}),
            "dots": ColumnDataSource({"x": [], "y": []}),
            "words": ColumnDataSource({"x": [], "y": [], "text": []}),
            "ups": ColumnDataSource({"x": [], "y": [], "text": []}),
            "titles": ColumnDataSource({"x": [], "y": [], "text": []}),
        }
        self.areas = ColumnDataSource({name: [] for name in (*QUADS, "gene", *_HOVER)})
        self._draw()

    def _draw(self) -> None:
        of, shown = self._sources, self.figure
        sides: dict[str, Any] = {side: side for side in QUADS}
        for name, alpha in (("wide", 0.28), ("narrow", 0.5)):
            shown.quad(
                **sides, source=of[name], fill_color=MISSING, fill_alpha=alpha, line_color=None
            )
        shown.quad(**sides, source=of["bars"], fill_color=ACCENT, fill_alpha=0.5, line_color=None)
        shown.segment("x0", "y0", "x1", "y1", source=of["rules"], line_color=INK, line_width=1)
        shown.multi_line("xs", "ys", source=of["lines"], line_color=ACCENT, line_width=1.6)
        shown.scatter("x", "y", source=of["dots"], size=4, fill_color=ACCENT, line_color=None)
        look: dict[str, Any] = {"x": "x", "y": "y", "text": "text", "text_color": INK}
        look["text_font_size"] = "10px"
        shown.text(**look, source=of["words"], text_align="center", text_baseline="top", y_offset=2)
        shown.text(
            **look, source=of["ups"], text_align="right", text_baseline="middle", x_offset=-3
        )
        title = {**look, "text_font_size": "11px"}
        shown.text(**title, source=of["titles"], text_baseline="bottom", y_offset=-1)
        hit = shown.quad(**sides, source=self.areas, fill_alpha=0, line_color=None)
        shown.add_tools(HoverTool(renderers=[hit], tooltips=HOVER, visible=False))

    def show(
        self,
        bars: pd.DataFrame,
        kind: str,
        *,
        marked: Sequence[str] = (),
        titles: dict[str, str] | None = None,
    ) -> None:
        """Draw other genes.

        Parameters
        ----------
        bars
            `engine.checks.count_bars` of at most `MOST` genes, in order.
        kind
            One of `check_bins.KINDS`.
        titles
            By gene, what does not fit, in a word or two.
        """
        by_gene = dict(list(bars.groupby("gene", sort=False)))
        self.genes = tuple(map(str, by_gene))[:MOST]
        self._columns = columns_for(len(self.genes))
        rows = -(-len(self.genes) // self._columns)
        made: dict[str, list[pd.DataFrame]] = {name: [] for name in self._sources}
        made["areas"] = []
        for place, (gene, label) in enumerate(zip(self.genes, cut(self.genes), strict=True)):
            row, column = divmod(place, self._columns)
            words = f"{MARK if gene in marked else ''}{label}"
            said = (titles or {}).get(gene, "")
            title = f"{words} · {said}" if said else words
            parts = _panel(gene, plain(title), by_gene[gene].reset_index(drop=True), kind)
            for name, table in parts.items():
                made[name].append(_move_to_panel(table, column, rows - 1 - row))
        for name, source in [*self._sources.items(), ("areas", self.areas)]:
            tables = made[name]
            whole = pd.concat(tables, ignore_index=True) if tables else None
            source.data = {key: [] if whole is None else _column(whole[key]) for key in source.data}
        self.figure.xaxis.axis_label = ACROSS
        self.figure.yaxis.axis_label = KINDS[kind].axis
        extent(self.figure.x_range, float(self._columns))
        extent(self.figure.y_range, float(max(rows, 1)))

    def at(self, x: float, y: float) -> str | None:
        """The gene of the panel at a point; None if there is none."""
        rows = -(-len(self.genes) // self._columns)
        place = int(rows - 1 - np.floor(y)) * self._columns + int(x)
        inside = 0 <= x < self._columns and 0 <= place < len(self.genes)
        return self.genes[place] if inside else None

    def on_gene(self, action: Callable[[str], None]) -> None:
        """Call ``action(gene)`` when a panel is clicked."""

        def tapped(event: Any) -> None:
            if in_view(self.figure, event.x, event.y):
                gene = self.at(event.x, event.y)
                if gene is not None:
                    action(gene)

        self.figure.on_event("tap", tapped)


_HOVER = ("range", "observed", "predicted", "from", "to")


def _panel(gene: str, title: str, shown: pd.DataFrame, kind: str) -> dict[str, pd.DataFrame]:
    """All that one panel draws, from 0 to 1 on both axes."""
    low, high = limits(shown, kind)
    across = max(len(shown), 4)

    def x(values: Any) -> np.ndarray:
        return np.asarray(np.asarray(values, float) / across)

    def y(values: Any) -> np.ndarray:
        return np.asarray((np.asarray(values, float) - low) / (high - low))

    positions = np.arange(len(shown))
    left, right = x(positions), x(positions + 1)
    parts: dict[str, pd.DataFrame] = {}
    for name, bottom, top in zip(("wide", "narrow"), LOW, HIGH, strict=True):
        parts[name] = _quads(left, right, y(shown[bottom]), y(shown[top]))
    line, observed = y(shown["line"]), y(shown["seen"])
    middle = (left + right) / 2
    hanging, nothing = kind == "rootogram", pd.DataFrame({"x": [], "y": []})
    inset = 0.12 / across
    rules = pd.DataFrame({"x0": left, "x1": right, "y0": line, "y1": line})
    if hanging:
        parts["bars"] = _quads(
            left + inset, right - inset, np.minimum(line, observed), np.maximum(line, observed)
        )
        zero = y([0.0])
        rules = pd.concat([rules, pd.DataFrame({"x0": [0], "x1": [1], "y0": zero, "y1": zero})])
    else:
        parts["bars"] = _quads(*[np.zeros(0)] * 4)
    parts["rules"] = rules
    stepped = kind == "ecdf"
    xs = np.column_stack([left, right]).ravel() if stepped else middle
    ys = np.repeat(observed, 2) if stepped else observed
    parts["lines"] = pd.DataFrame({"xs": [[] if hanging else xs], "ys": [[] if hanging else ys]})
    parts["dots"] = pd.DataFrame({"x": middle, "y": observed}) if kind == "histogram" else nothing
    at_x, at_y = ticks(shown, kind)
    parts["words"] = pd.DataFrame(
        {"x": x([at for at, _ in at_x]), "y": 0.0, "text": [word for _, word in at_x]}
    )
    parts["ups"] = pd.DataFrame(
        {"x": 0.0, "y": y([at for at, _ in at_y]), "text": [word for _, word in at_y]}
    )
    parts["titles"] = pd.DataFrame({"x": [0.0], "y": [1.0], "text": [title]})
    titles = shown[list(_HOVER)].assign(gene=gene)
    full = _quads(left, right, np.zeros(len(shown)), np.ones(len(shown)))
    parts["areas"] = pd.concat([full, titles], axis=1)
    return parts


def _quads(left: Any, right: Any, bottom: Any, top: Any) -> pd.DataFrame:
    return pd.DataFrame({"left": left, "right": right, "bottom": bottom, "top": top})


def _move_to_panel(table: pd.DataFrame, column: int, row: int) -> pd.DataFrame:
    """Move what is drawn to the place of a panel; ``row`` counts from the bottom."""
    across, up = 1 - LEFT - RIGHT, 1 - TOP - BOTTOM

    def x(values: Any) -> Any:
        return column + LEFT + across * np.asarray(values, float)

    def y(values: Any) -> Any:
        return row + BOTTOM + up * np.asarray(values, float)

    move: dict[str, Callable[[Any], Any]] = dict.fromkeys(("x", "x0", "x1", "left", "right"), x)
    move |= dict.fromkeys(("y", "y0", "y1", "bottom", "top"), y)
    move |= {"xs": lambda lists: [x(values) for values in lists]}
    move |= {"ys": lambda lists: [y(values) for values in lists]}
    return pd.DataFrame({str(name): move.get(str(name), _same)(table[name]) for name in table})


def _same(values: Any) -> Any:
    return values


def _column(values: pd.Series) -> Any:
    return values.tolist() if values.dtype.kind not in "fiu" else values.to_numpy()
