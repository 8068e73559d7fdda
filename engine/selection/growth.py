"""Try more and more factors or topics on some of the cells, and choose the fewest that suffice.

Each number is scored by document completion on other cells. The fewest are chosen that are worse
than the best by no more than the standard error of the difference, cell by cell (the rule of
Breiman et al. 1984, section 3.4.3), and beyond which genes do not vary together.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine import inference
from engine.checks.completion import cell_scores
from engine.data import Counts
from engine.errors import DataError, FitError
from engine.fitting.progress import Progress
from engine.registry import Config, family_of
from engine.results import AnyFit, Selection, Status
from engine.selection.rungs import Rung
from engine.text import count

# Numbers to try, in turn.
_LADDER = (0, 1, 5, 10, 20, 40, 80, 160)
# Most cells to fit and to score, and the share to score of few. More fitted cells resolve more
# factors: with half of 2,700 cells 10 were best, with all 15.
_FITTED, _HELD_OUT, _SHARE_HELD_OUT = 5000, 2000, 0.2
# Fewest fitted cells per factor.
_CELLS_EACH = 10
# Fits for comparison end early: by so many times the tolerance, and after at most so many passes,
# or fewer if they start from a smaller fit.
_COARSE, _MOST_PASSES, _MOST_WARM = 10.0, 12, 6
# Fewest cells from which to choose.
_FEWEST_CELLS = 20
# Numbers nearer to each other than this are not both tried.
_FINE = 2
# Of fewer topics the number just below is tried too.
_SMALL = 10
# Share of the seconds allowed that may be spent on choosing.
_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Grown:
    """The number that was chosen, and the fit of some of the cells to start from."""

    selection: Selection
    start: AnyFit | None

    def config(self, requested: Config) -> Config:
        """The requested configuration with this number; without factors it has no encoder."""
        size = self.selection.size
        return (requested if size else requested.without_latents()).sized(size)


def grow(counts: Counts, config: Config) -> Generator[Progress, None, Grown]:
    """Choose a number of factors or topics, yielding progress.

    Raises
    ------
    DataError
        If there are too few cells.
    """
    growth = _Growth(counts, config)
    for size in growth.ladder:
        yield from growth.climb(size)
        if growth.over:
            break
        yield from growth.look()
        if growth.settled:
            break
    for size in growth.between:
        yield from growth.climb(size)
        if not growth.alone:
            yield from growth.look()
    for size in growth.one_less:
        yield from growth.climb(size)
    return growth.grown()


class _Growth:
    """What has been tried so far."""

    def __init__(self, counts: Counts, config: Config) -> None:
        self._began = time.monotonic()
        self._config = config
        self._counts = counts
        self._fitted, self._held_out = _parts(counts, config.seed)
        most = min(counts.n_genes - 1, self._fitted.n_cells // _CELLS_EACH)
        first = config.size_bounds()[0]
        fits = [size for size in _LADDER if first <= size <= most and size != 1 - first]
        self.ladder = fits if len(fits) > 1 else [first, max(most, first + 1)]
        self._rungs: list[Rung] = []
        self._what = config.latent
        self._phase = f"choosing how many {self._what}s"

    @property
    def over(self) -> bool:
        """Whether no seconds are left for choosing."""
        limit = self._config.max_seconds
        return limit is not None and time.monotonic() - self._began > _SHARE * limit

    @property
    def _good(self) -> list[Rung]:
        """The rungs that are as good as the best, from the smallest.

        Scores do not decide whether there is any factor: factors predict counts better if genes are
        not log-normal, and weak factors predict them worse with few cells.
        """
        some = [rung for rung in self._rungs if rung.size or not rung.structure]
        best = max(some or self._rungs, key=_score)
        good = [rung for rung in some or self._rungs if np.less_equal(*rung.behind(best))]
        return sorted(good, key=lambda rung: rung.size)

    def climb(self, size: int) -> Iterator[Progress]:
        """Fit and score one number."""
        began = time.monotonic()
        said = f"{self._phase}: {size}"
        start = self._smaller(size)
        build = None
        for step in inference.fit_iter(self._fitted, self._quick(size, start), start=start):
            build = step.snapshot
            yield self._step(said)
        if build is None:
            raise FitError("a fit of some of the cells", "none", "Allow more seconds.")
        fit = build()
        if start is not None:
            own = fit.status.passes - start.status.passes
            fit = fit.changed(status=replace(fit.status, passes=own))
        scores, _ = cell_scores(fit, self._held_out, seed=self._config.seed)
        self._rungs.append(Rung(fit, scores, time.monotonic() - began))
        yield self._step(said)

    def _smaller(self, size: int) -> AnyFit | None:
        """The largest smaller fit, extended to ``size`` by factors of what it leaves."""
        fits = [rung.fit for rung in self._rungs if 0 < rung.size < size]
        if not fits:
            return None
        fit = max(fits, key=lambda fit: fit.n_factors)
        return family_of(fit).extended(fit, self._fitted, size, self._config.seed)

    def look(self) -> Iterator[Progress]:
        """Test good fits for structure beyond their factors, smallest first: cheaper than a fit."""
        for rung in self._good:
            if rung.structure is None:
                # Without factors nothing was fitted to covariation, so all cells may be tested.
                counts = self._fitted if rung.size else self._counts
                for _ in rung.look(counts, self._config.seed):
                    yield self._step(f"{self._phase}: what {count(rung.size, self._what)} leave")
            if rung.structure is False:
                return

    @property
    def alone(self) -> bool:
        """Whether one number is better than all others, whatever it leaves."""
        return len(self._good) == 1

    @property
    def settled(self) -> bool:
        """Whether a larger number need not be tried."""
        good = self._good
        if any(rung.structure is False for rung in good):
            return True
        if self._rungs[-1].structure is not None:
            # Structure may remain with any number of factors; then the scores alone decide.
            return good[0] not in self._rungs[-2:]
        return good[0] is not self._rungs[-1]

    @property
    def between(self) -> list[int]:
        """Numbers between the smallest good one and its neighbours, if scores alone decide."""
        good = self._good[0]
        if self.over or good.structure is False or not good.size:
            return []
        sizes = sorted(rung.size for rung in self._rungs)
        place = sizes.index(good.size)
        # Too many factors do little harm, but too many topics split.
        beside = sizes[place + 1 : place + 2] + sizes[:place][-1:] * (good.structure is None)
        middles = [(good.size + size) // 2 for size in beside]
        return [size for size in middles if abs(size - good.size) >= _FINE]

    @property
    def one_less(self) -> list[int]:
        """The number below the smallest good one of few topics, which a whole topic sets apart."""
        good, sizes = self._good[0], [rung.size for rung in self._rungs]
        if self.over or good.fit.can("structure") or not 1 < good.size < _SMALL:
            return []
        return [good.size - 1] if good.size - 1 not in sizes else []

    def grown(self) -> Grown:
        """The chosen number."""
        good, best = self._good, max(self._rungs, key=_score)
        free = [rung for rung in good if not rung.structure]
        chosen = free[0] if free else good[-1]
        start: AnyFit | None = chosen.fit
        size, reason = chosen.size, ""
        if self.over and len(self._rungs) == 1:
            size, start = self.ladder[1], None
            reason = f"{count(size, self._what)}: the seconds allowed left no time to choose."
        tried = sorted(self._rungs, key=lambda rung: rung.size)
        selection = Selection(
            size=size,
            reason=reason or self._reason(chosen),
            tried=tuple(rung.tried(best) for rung in tried),
            n_fitted=self._fitted.n_cells,
            n_held_out=len(best.scores.n_counts),
        )
        # An encoder and a sampler do not start from another fit.
        again = self._config.inference in ("em", "laplace")
        return Grown(selection, self._go_on(start) if again and start is not None else None)

    def _go_on(self, fit: AnyFit) -> AnyFit:
        """The fit to start from, with the time of all trials and an empty trace."""
        status = replace(fit.status, seconds=time.monotonic() - self._began)
        return fit.changed(status=status, trace=fit.trace.iloc[:0])

    def _reason(self, choice: Rung) -> str:
        if not choice.size and choice.structure is False:
            return "No factor can be told from noise: counts drawn without any look like these."
        named = count(choice.size, self._what)
        sizes = [str(size) for size in sorted(rung.size for rung in self._rungs)]
        which = "the most" if choice.structure else "the fewest"
        said = (
            f"{named}: {which} that predict counts of held-out cells as well as any number tried "
            f"({', '.join(sizes)})"
        )
        if choice.structure:
            said += "; genes still vary together beyond them"
        elif choice.structure is not None:
            said += ", and beyond which genes vary together by chance alone"
            said += ", but for single pairs" * choice.pairs
        if choice.size < max(rung.size for rung in self._rungs) or choice.structure is False:
            return f"{said}."
        why = "no seconds were left" if self.over else "these cells and genes tell no more apart"
        return f"{said}. More were not tried: {why}."

    def _quick(self, size: int, start: AnyFit | None) -> Config:
        config, left = self._config, None
        if config.max_seconds is not None:
            left = max(_SHARE * config.max_seconds - (time.monotonic() - self._began), 1e-3)
        coarse = config.coarse(
            max_seconds=left,
            max_passes=min(config.max_passes, _MOST_PASSES if start is None else _MOST_WARM),
            tolerance=_COARSE * config.tolerance,
        )
        return coarse.sized(size)

    def _step(self, phase: str) -> Progress:
        seconds = time.monotonic() - self._began
        passes = sum(rung.fit.status.passes for rung in self._rungs)
        status = Status("running", "", passes, seconds, 0.0, 0)
        share = len(self._rungs) / (len(self._rungs) + 3)
        return Progress(status, phase, share, None, np.nan, np.nan, np.nan, None)


def _score(rung: Rung) -> float:
    return rung.score


def _parts(counts: Counts, seed: int) -> tuple[Counts, Counts]:
    """Cells to fit and cells to score, in memory."""
    able = np.flatnonzero(counts.totals > 1)
    if len(able) < _FEWEST_CELLS:
        raise DataError(
            f"{_FEWEST_CELLS} cells to choose a number from",
            f"{len(able)} with two counts or more",
            "Give the number, or use more cells.",
        )
    order = np.random.default_rng([seed, 5]).permutation(able)
    n_held_out = min(_HELD_OUT, round(_SHARE_HELD_OUT * len(order)))
    n_fitted = min(_FITTED, len(order) - n_held_out)
    chosen = order[: n_fitted + n_held_out]
    return counts.take(np.sort(chosen[:n_fitted])), counts.take(np.sort(chosen[n_fitted:]))
