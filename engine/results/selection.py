"""How the number of factors or topics of a fit was chosen: the numbers tried and their scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engine.registry import AnyFit, Config
from engine.validation import AUTO

# Its key in the ``data`` of a fit.
_KEY = "selection"


@dataclass(frozen=True)
class Tried:
    """One number of factors or topics.

    Attributes
    ----------
    size
        The number of factors or topics.
    perplexity
        Of the counts of held-out cells, given half of each cell; the lower the better.
    behind, behind_error
        How many nats per count worse than the best number that was tried, and the standard error
        of this difference, from the differences cell by cell.
    structure
        Whether genes vary together beyond these factors; None if that was not tested.
    seconds
        Time that the fit took.
    """

    size: int
    perplexity: float
    behind: float
    behind_error: float
    structure: bool | None
    seconds: float


@dataclass(frozen=True)
class Selection:
    """A number that was chosen from the counts.

    Attributes
    ----------
    size
        The number of factors or topics that was chosen.
    reason
        Why, in words.
    tried
        The numbers that were tried, in ascending order.
    n_fitted, n_held_out
        Cells that each number was fitted to, and that it was scored on.
    """

    size: int
    reason: str
    tried: tuple[Tried, ...]
    n_fitted: int
    n_held_out: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Selection:
        """The inverse of `to_dict`; KeyError, TypeError or ValueError for other values."""
        tried = tuple(
            Tried(
                size=int(one["size"]),
                perplexity=float(one["perplexity"]),
                behind=float(one["behind"]),
                behind_error=float(one["behind_error"]),
                structure=None if one["structure"] is None else bool(one["structure"]),
                seconds=float(one["seconds"]),
            )
            for one in values["tried"]
        )
        return cls(
            size=int(values["size"]),
            reason=str(values["reason"]),
            tried=tried,
            n_fitted=int(values["n_fitted"]),
            n_held_out=int(values["n_held_out"]),
        )


def selection_of(fit: AnyFit) -> Selection | None:
    """Why the fit has its number of factors or topics; None if a person gave it."""
    try:
        return Selection.of(fit.data[_KEY])
    except (KeyError, TypeError, ValueError):
        return None


def requested_config(fit: AnyFit) -> Config:
    """The configuration that gives the fit again: with ``"auto"`` if its number was chosen."""
    return fit.config if selection_of(fit) is None else fit.config.sized(AUTO)


def with_selection[F: AnyFit](fit: F, result: Selection) -> F:
    """The fit with the reason for its number in its ``data``, where `selection_of` reads it."""
    return fit.changed(data=fit.data | {_KEY: result.to_dict()})
