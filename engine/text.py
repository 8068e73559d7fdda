"""Numbers and lists in sentences."""

from __future__ import annotations

from collections.abc import Iterable


def number(value: float, digits: int = 4) -> str:
    """A number to so many digits or to the unit, with separators and a true minus sign."""
    form = ",.0f" if abs(value) >= 10**digits else f",.{digits}g"
    return format(value, form).replace("-", "−")


def some(names: Iterable[str], most: int = 20) -> str:
    """The first of many names, and how many more there are: "a, b, … and 3 more"."""
    every = [str(name) for name in names]
    more = [f"… and {len(every) - most:,} more"] if len(every) > most else []
    return ", ".join([*every[:most], *more]) or "none"


def count(value: int, one: str, many: str = "") -> str:
    """A number of things: "1 cell", "2,000 cells"."""
    return f"{value:,} {one if value == 1 else many or f'{one}s'}"
