"""fit and fit_iter: fit the model of a configuration; choose its size if that is "auto"."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from engine import inference
from engine.data import Counts
from engine.errors import FitError
from engine.fitting.entry import expect
from engine.fitting.progress import Progress
from engine.registry import Config, family_of, find_family
from engine.results import AnyFit, Selection, selection_of, with_selection
from engine.selection.growth import Grown, grow

if TYPE_CHECKING:
    from engine.lda.config import LDAConfig
    from engine.lnm.config import LNMConfig
    from engine.results import Fit, TopicFit


def fit_iter(counts: Counts, config: Config, *, start: AnyFit | None = None) -> Iterator[Progress]:
    """Fit, yielding a `Progress` after every pass over the cells, and between blocks of long ones.

    To stop, cease pulling: the last ``snapshot()`` is a usable fit. The last Progress has a
    status other than "running".

    Parameters
    ----------
    config
        Its kind chooses the model. A number of factors or topics that is ``"auto"`` is chosen
        first, on a subsample of the cells; `engine.results.selection_of` has the reason.
    start
        An earlier fit of the same genes and number of factors or topics, to go on from:
        passes, seconds and trace continue its own, the budget begins anew.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    DataError
        If the counts are not those of `engine.read_counts`, or of no cells, or too few to choose
        a number from.
    FitError
        If the objective is not finite.
    """
    expect(counts=counts)
    family = find_family(config)
    if family is not None and start is None:
        counts = family.prepared(counts, config)
    automatic = family is not None and config.automatic
    if start is None:
        return _choose_and_fit(counts, config) if automatic else inference.fit_iter(counts, config)
    known = selection_of(start)
    config = config.sized(start.n_factors) if automatic else config
    steps = inference.fit_iter(counts, config, start=start)
    return steps if known is None else _record_selection(steps, known)


def check_counts(counts: Counts, config: Config, mask: np.ndarray | None = None) -> None:
    """Raise if the configuration does not suit these counts, before a fit is begun.

    Parameters
    ----------
    mask
        (C,) which of the cells are to be fitted; all by default.

    Raises
    ------
    ConfigError
        If the formula of covariates is invalid, or does not suit these cells.
    """
    if mask is not None:
        # Only labels and totals are used: the counts, which may be on disk, are not read.
        own = {name: getattr(counts, name)[mask] for name in ("cells", "obs", "totals")}
        counts = replace(counts, library_size=counts.library_size[mask], **own)
    family_of(config).prepared(counts, config)


@overload
def fit(counts: Counts, config: LNMConfig) -> Fit: ...
@overload
def fit(counts: Counts, config: LDAConfig) -> TopicFit: ...
@overload
def fit(counts: Counts, config: Config) -> AnyFit: ...
def fit(counts: Counts, config: Config) -> Any:
    """Fit to the end of `fit_iter`.

    Raises
    ------
    ConfigError, DataError, FitError
        As `fit_iter`; FitError also if the seconds allowed end before the first pass.
    """
    *_, last = fit_iter(counts, config)
    if last.snapshot is None:
        raise FitError(
            "time for at least one pass over the cells",
            f"a budget of {config.max_seconds} s",
            "Allow more seconds.",
        )
    return last.snapshot()


def _choose_and_fit(counts: Counts, config: Config) -> Iterator[Progress]:
    """Choose the number on some of the cells, then fit all of them with it."""
    # Before time is spent on choosing.
    family_of(config).check_size(counts, config)
    began = time.monotonic()
    grown: Grown = yield from grow(counts, config)
    selection = grown.selection
    if config.max_seconds is not None:
        left = config.max_seconds - (time.monotonic() - began)
        config = replace(config, max_seconds=max(left, 1e-3))
    steps = inference.fit_iter(counts, grown.config(config), start=grown.start)
    yield from _record_selection(steps, selection)


def _record_selection(steps: Iterator[Progress], result: Selection) -> Iterator[Progress]:
    """Yield the steps, with the selection of the number added to their fits."""
    for step in steps:
        build = step.snapshot
        yield step if build is None else replace(step, snapshot=partial(_build_fit, build, result))


def _build_fit(build: Any, result: Selection) -> AnyFit:
    return with_selection(build(), result)
