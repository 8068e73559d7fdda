"""One colour a topic, the same in every view and figure."""

from __future__ import annotations

from dashboard.plots.style import CATEGORICAL

DARK, LIGHT = "#14181b", "#ffffff"
# Opacity, as two hexadecimal digits, of the topics that are not chosen.
FADED = "48"


def topic_colours(count: int) -> list[str]:
    """Colours of the topics in order; they repeat only after more than 150."""
    return [CATEGORICAL[k % len(CATEGORICAL)] for k in range(count)]


def faded(colours: list[str], topic: int | None) -> list[str]:
    """The colours with all topics but one paler; None: the colours unchanged."""
    if topic is None:
        return colours
    return [colour if k == topic else f"{colour}{FADED}" for k, colour in enumerate(colours)]


def ink(colour: str) -> str:
    """A colour of text that is legible on a colour: dark or light."""
    red, green, blue = (int(colour[j : j + 2], 16) for j in (1, 3, 5))
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else LIGHT
