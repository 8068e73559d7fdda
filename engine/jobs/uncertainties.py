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
    """Computed by ``"delta"`` (one pass over the cells; not for topics) or ``"bootstrap"``."""

    name, file = "uncertainty", FILE

    def work(self, work: Work, *settings: Any) -> Uncertainty | TopicUncertainty | None:
        """A bootstrap that is stopped keeps its replicates if there are at least 10."""
        result, words = None, f"working out the uncertainty{_anew(work.path_of(self.file))}"
        for step in steps(work.fit, work.counts(), *settings):
            result = step.uncertainty or result
            work.progress(step.fraction, words)
            if work.stopping:
                enough = result is not None and result.n_boot >= _FEWEST_KEPT
                return result if step.fraction == 1 or enough else None
        return result

    def save(self, result: Uncertainty | TopicUncertainty, path: Path, fit: AnyFit) -> None:
        """Write it; its own file format has the number of passes."""
        result.save(path)

    def load(
        self, path: Path, passes: int, fit: AnyFit | None = None
    ) -> Uncertainty | TopicUncertainty | None:
        """Read it; None for other passes, or if its errors lack what the factors miss."""
        from engine.checks import TopicUncertainty, Uncertainty

        saved: Uncertainty | TopicUncertainty
        try:
            saved = Uncertainty.load(path)
        except FitError:
            saved = TopicUncertainty.load(path)
        else:
            if _lacks_missed(saved):
                return None
        return saved if saved.passes == passes else None


def _lacks_missed(saved: Uncertainty) -> bool:
    return saved.structure is not None and saved.structure.unmeasured


def _anew(path: Path) -> str:
    """Why what is kept, if anything, cannot be used, as the end of a sentence."""
    from engine.checks import TopicUncertainty, Uncertainty

    if not path.is_file():
        return ""
    try:
        saved = Uncertainty.load(path)
    except FitError:
        with suppress(FitError):
            TopicUncertainty.load(path)
            return ""
        return " anew: what is kept is damaged, or of an earlier release"
    return " anew: an earlier release left out what factors miss" if _lacks_missed(saved) else ""


UNCERTAINTY = _Uncertainty()


def steps(
    fit: AnyFit, counts: Counts, method: str = "delta", n_boot: int = 50, seed: int = 0
) -> Iterator[UncertaintyProgress[Any]]:
    """The steps of a method; for a fit with factors, then those of a search for what these miss.

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
        errors = checks.uncertainty_iter(fit, counts)
    else:
        errors = checks.bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    return _with_structure(fit, counts, errors)


def _with_structure(
    fit: AnyFit, counts: Counts, steps: Iterator[UncertaintyProgress[Uncertainty]]
) -> Iterator[UncertaintyProgress[Uncertainty]]:
    """Look for structure beyond the factors, after the errors have been computed."""
    from engine import checks
    from engine.jobs.checking import structure_iter

    uncertainty = None
    for step in steps:
        uncertainty = step.uncertainty or uncertainty
        yield replace(step, fraction=_ERRORS * step.fraction)
    if uncertainty is None:
        return
    # The errors are valid without it: there may be too few genes or cells for the test.
    with suppress(DataError):
        for look in structure_iter(fit, counts):
            if look.structure is not None:
                uncertainty = replace(uncertainty, structure=look.structure)
            else:
                yield checks.UncertaintyProgress(
                    _ERRORS + (1 - _ERRORS) * look.fraction, uncertainty
                )
    yield checks.UncertaintyProgress(1.0, uncertainty)
