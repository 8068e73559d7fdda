"""What the public functions are given: of the right kind, and of at least one cell."""

from __future__ import annotations

from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.results import Fit, TopicFit

_KINDS = {
    Fit: (
        "a fit of LNM or LNMVCP",
        "Fit an LNMConfig, or use engine.topic_proportions for cells under topics.",
    ),
    TopicFit: (
        "a fit of LDA",
        "Fit an LDAConfig, or use engine.transform for cells under an LNM.",
    ),
}


def expect(
    fit: object = None, kind: type[Fit] | type[TopicFit] | None = None, counts: object = None
) -> None:
    """Refuse what cannot be used; what is None is not looked at.

    Raises
    ------
    ConfigError
        If the fit is not of the kind.
    DataError
        If the counts are none, or of no cells.
    """
    if kind is not None and not isinstance(fit, kind):
        expected, remedy = _KINDS[kind]
        raise ConfigError(expected, f"an object of type {type(fit).__name__}", remedy)
    if counts is None:
        return
    if not isinstance(counts, Counts):
        raise DataError(
            "counts as engine.read_counts returns them",
            f"an object of type {type(counts).__name__}",
            "Pass engine.read_counts(data).",
        )
    if counts.n_cells == 0:
        raise DataError("counts of at least one cell", "none", "Choose other cells.")
