"""fit_iter: fits the model of a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.entry import expect
from engine.fitting.progress import Progress
from engine.registry import FAMILIES, Config, find_family
from engine.results import AnyFit


def fit_iter(
    counts: Counts, config: Config, *, start: AnyFit | None = None
) -> Iterator[Progress[AnyFit]]:
    """Fit, yielding a `Progress` after every pass over the cells, and between blocks of long ones.

    To stop, cease pulling: the last ``snapshot()`` is a usable fit. The last Progress has a
    status other than "running".

    Parameters
    ----------
    config
        Its kind chooses the model.
    start
        An earlier fit of the same genes and number of factors or topics, to go on from:
        passes, seconds and trace continue its own, the budget begins anew.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    DataError
        If the counts are not those of `engine.read_counts`, or of no cells.
    FitError
        If the objective is not finite.
    """
    expect(counts=counts)
    family = find_family(config)
    if family is None or (start is not None and find_family(start) is not family):
        raise ConfigError(
            f"an {' or an '.join(each.config.__name__ for each in FAMILIES)}, and a start by the "
            "same model if any",
            f"{type(config).__name__} and {'no start' if start is None else type(start).__name__}",
            "Change the configuration, or start anew.",
        )
    return family.fit_iter(counts, config, start)
