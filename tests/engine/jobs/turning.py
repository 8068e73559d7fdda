"""A fit whose topics change places when it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from engine.data import Counts
from engine.fitting.progress import Progress
from engine.registry import Config
from engine.results import AnyFit, TopicFit
from tests.dashboard.synthetic import make_topic_fit


def turned(fit: AnyFit, order: list[int]) -> AnyFit:
    """The same factors or topics at other places."""
    if isinstance(fit, TopicFit):
        return replace(fit, topics=fit.topics[:, order], proportions=fit.proportions[:, order])
    return replace(fit, loadings=fit.loadings[:, order], scores=fit.scores[:, order])


class Turning:
    """A `fit_iter` of one pass without an end, which changes the order of what it goes on from."""

    def __call__(
        self, counts: Counts, config: Config, *, start: AnyFit | None = None
    ) -> Iterator[Progress]:
        fit: AnyFit = make_topic_fit(counts.n_cells, counts.n_genes - 1, 3, passes=1)
        if start is not None:
            status = replace(start.status, passes=start.status.passes + 1)
            fit = replace(turned(start, [1, 2, 0]), names=(), status=status)
        status = replace(fit.status, state="running")
        fit = replace(fit, status=status)
        yield Progress(status, "fitting", 0.1, None, -1.0, 0.0, 0.0, lambda: fit)
        while True:
            # Leaves the processor to the test.
            time.sleep(0.002)
            yield Progress(status, "fitting", 0.1, None, -1.0, 0.0, 0.0, None)
