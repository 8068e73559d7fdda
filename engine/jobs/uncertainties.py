"""The uncertainty of a run: computed by a background job, saved in the folder of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError, DataError, FitError
from engine.jobs.artefact import Artefact, Work

if TYPE_CHECKING:
    from engine.checks import TopicUncertainty, Uncertainty, UncertaintyProgress
    from engine.data import Counts
    from engine.results import AnyFit

FILE = "uncertainty.npz"
METHODS = ("delta", "bootstrap")
# Share of the work that computes errors; the rest looks for structure beyond the factors.
_ERRORS = 0.7
# Replicates without which a bootstrap that was stopped keeps nothing.
_FEWEST_KEPT = 10


class _Uncertainty(Artefact["Uncertainty | TopicUncertainty"]):
    """By a method: ``"delta"`` (one pass over the cells; not for topics) or ``"bootstrap"``."""

    name, file = "uncertainty", FILE

    def work(self, work: Work, *asked: Any) -> Uncertainty | TopicUncertainty | None:
        """A bootstrap that is stopped keeps its replicates if there are at least 10."""
        found = None
        for step in steps(work.fit, work.counts(), *asked):
            found = step.uncertainty or found
            work.progress(step.fraction, "working out the uncertainty")
            if work.stopping:
                enough = found is not None and found.n_boot >= _FEWEST_KEPT
                return found if step.fraction == 1 or enough else None
        return found

    def save(self, result: Uncertainty | TopicUncertainty, path: Path, fit: AnyFit) -> None:
        """It says itself of how many passes it is."""
        result.save(path)

    def load(
        self, path: Path, passes: int, fit: AnyFit | None = None
    ) -> Uncertainty | TopicUncertainty | None:
        """Of pairs or of topics; None of other passes, or if errors lack what factors miss."""
        from engine.checks import TopicUncertainty, Uncertainty

        found: Uncertainty | TopicUncertainty
        try:
            found = Uncertainty.load(path)
        except FitError:
            found = TopicUncertainty.load(path)
        else:
            if found.structure is not None and found.structure.unmeasured:
                return None
        return found if found.passes == passes else None


UNCERTAINTY = _Uncertainty()


def steps(
    fit: AnyFit, counts: Counts, method: str = "delta", n_boot: int = 50, seed: int = 0
) -> Iterator[UncertaintyProgress[Any]]:
    """The steps of a method, by the model of the fit; of a fit with factors, what these miss.

    Raises
    ------
    ConfigError
        If there is no such method.
    """
    from engine import checks

    if method not in METHODS:
        raise ConfigError(f"a method among {', '.join(METHODS)}", repr(method), "Choose one.")

    if not fit.can("pair_uncertainty") and method != "delta":
        return checks.topic_bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    if method == "delta":
        found = checks.uncertainty_iter(fit, counts)
    else:
        found = checks.bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    return _with_structure(fit, counts, found)


def _with_structure(
    fit: AnyFit, counts: Counts, steps: Iterator[UncertaintyProgress[Uncertainty]]
) -> Iterator[UncertaintyProgress[Uncertainty]]:
    """Look for structure beyond the factors, after the errors have been computed."""
    from engine import checks
    from engine.jobs.checking import structure_iter

    found = None
    for step in steps:
        found = step.uncertainty or found
        yield replace(step, fraction=_ERRORS * step.fraction)
    if found is None:
        return
    # The errors are valid without: there may be too few genes or cells to look.
    with suppress(DataError):
        for look in structure_iter(fit, counts):
            if look.structure is not None:
                found = replace(found, structure=look.structure)
            else:
                yield checks.UncertaintyProgress(_ERRORS + (1 - _ERRORS) * look.fraction, found)
    yield checks.UncertaintyProgress(1.0, found)
