"""What all figures share: a sheet measured in millimetres, type, colours, plain text."""

from __future__ import annotations

import functools
import io
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator

from dashboard.cut import ends
from engine.distinct_labels import apart

MM = 1 / 25.4
POINT = 72 * MM
TYPE, SMALL = 7.0, 6.0
# Room at the bottom for two lines that say where the figure comes from.
FOOT, EDGE = 7.0, 4.0
INK, QUIET, RULE = "#1b1f23", "#6b737b", "#9aa0a6"
STYLE: dict[Any, Any] = {
    # Ships with matplotlib, so that figures are the same on every machine; a viewer of an SVG
    # that lacks it takes the next, which has letters of the same width.
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial"],
    "font.size": TYPE,
    "text.color": INK,
    # Names of genes and labels are data: a dollar sign starts no formula.
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": TYPE,
    "axes.labelpad": 2.5,
    "axes.titlesize": TYPE,
    "axes.titlepad": 4,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "svg.fonttype": "none",
    "svg.hashsalt": "logratio",
    "pdf.fonttype": 42,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
_LOCK = threading.RLock()
# XML cannot hold these characters, escaped or not.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


# Spaces that a reader would miss, or take for one.
_SPACES = re.compile(r"^\s+|\s+$|\s{2,}")
SPACE = "\N{OPEN BOX}"


@contextmanager
def publishing() -> Iterator[None]:
    """Our settings of matplotlib, for one thread at a time."""
    with _LOCK, mpl.rc_context(STYLE):
        yield


def published[**P](draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function that draws: it uses our settings."""

    @functools.wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> Figure:
        with publishing():
            return draw(*arguments, **named)

    return drawn


def sheet(width: float, height: float) -> Figure:
    """An empty figure, millimetres."""
    figure = Figure(figsize=(width * MM, height * MM))
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a distance from the left and the top of the sheet, millimetres."""
    wide, high = (inches / MM for inches in figure.get_size_inches())
    box = (left / wide, 1 - (top + height) / high, width / wide, height / high)
    return figure.add_axes(box)


def clean(name: object, most: float = math.inf, size: float = TYPE, weight: str = "normal") -> str:
    """A name as one printable line, no wider than ``most`` millimetres: cut in the middle."""
    text = _UNPRINTABLE.sub("\ufffd", " ".join(str(name).split()))
    if wide(text, size, weight) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = wide(ends(text, middle), size, weight) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    return ends(text, low)


def cleaned(
    names: Sequence[object], most: float, size: float = TYPE, weight: str = "normal"
) -> list[str]:
    """`clean` all names of a figure; wider than ``most`` if different ones would look alike."""

    def label(name: str, room: float) -> str:
        visible = _SPACES.sub(lambda match: SPACE * len(match[0]), name)
        return clean(visible, room, size, weight)

    return apart(list(map(str, names)), label, most)


@functools.lru_cache(4096)
def wide(text: str, size: float = TYPE, weight: str = "normal") -> float:
    """Width of a line of text, millimetres."""
    if not text:
        return 0.0
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    font.set_size(100, 72)
    font.set_text(text)
    return float(font.get_width_height()[0] / 64 / 100 * size / POINT)


def colours(palette: tuple[str, ...] | list[str]) -> Colormap:
    """A colour map of the colours of the page."""
    return ListedColormap(list(palette))


def colour_bar(
    axes: Axes,
    palette: tuple[str, ...] | list[str],
    low: float,
    high: float,
    title: str,
    along: str = "vertical",
) -> Colorbar:
    """A colour bar that fills the axes; its pointed ends say that values may lie beyond."""
    scale = ScalarMappable(Normalize(low, high), colours(palette))
    bar = axes.figure.colorbar(
        scale, cax=axes, extend="both", extendfrac=0.05, orientation=along, format="{x:,.4g}"
    )
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(width=0.4)
    bar.locator = MaxNLocator(5)
    bar.set_label(title, size=SMALL)
    return bar


def sign(figure: Figure, provenance: str) -> None:
    """Say at the bottom where the figure comes from, in at most two lines."""
    high = figure.get_size_inches()[1] / MM
    room = figure.get_size_inches()[0] / MM - 4
    with publishing():
        for line, text in enumerate(wrapped(clean(provenance), room, 5.0)[:2]):
            y = (FOOT - 3.2 - 2.2 * line) / high
            figure.text(2 * MM / figure.get_size_inches()[0], y, text, size=5, color=QUIET)


def wrapped(text: str, most: float, size: float) -> list[str]:
    """Lines no wider than ``most`` millimetres, broken between words."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and wide(longer, size) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return [clean(line, most, size) for line in lines]


def write(figure: Figure, kind: str, dpi: int, title: str, words: str) -> bytes:
    """The file of a figure, with words about it: the same bytes for the same figure."""
    description = clean(words)
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Title": title, "Description": description, "Software": "Logratio"},
        "svg": {"Title": title, "Description": description, "Creator": "Logratio", "Date": None},
        "pdf": {
            "Title": title,
            "Subject": description,
            "Creator": "Logratio",
            "CreationDate": None,
        },
    }
    file = io.BytesIO()
    with publishing():
        figure.savefig(file, format=kind, dpi=dpi, metadata=metadata[kind])
    return file.getvalue()
