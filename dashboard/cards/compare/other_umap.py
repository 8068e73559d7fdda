"""UMAP of the other run, computed in the background and saved with that run."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import param

from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.compare.tab_choices import TAB
from dashboard.embedding import Embedder
from dashboard.runner import Runner
from dashboard.state import Notice
from engine.results import AnyFit


class Layout(param.Parameterized):
    """Requests the UMAP of the other run until it is computed."""

    xy = param.ClassSelector(class_=np.ndarray, allow_None=True, doc="(C, 2) of the other run.")
    placing = param.String(doc="How far it has come, empty when none is computed.")

    def __init__(self, compared: Compared, runner: Runner) -> None:
        super().__init__()
        self.compared, self.runner = compared, runner
        self._waiting: Beside | None = None
        compared.param.watch(self._begin, "beside")
        runner.state.param.watch(self._again, "tab")

    def _begin(self, *_events: object) -> None:
        beside = self.compared.beside
        self.param.update(xy=None, placing="waiting" if beside is not None else "")
        if beside is not None:
            self._ask(beside)

    def _again(self, *_events: object) -> None:
        beside, self._waiting = self._waiting, None
        if beside is not None and beside is self.compared.beside:
            self._ask(beside)

    def _ask(self, beside: Beside) -> None:
        # The tab is hidden: wait until it is in front.
        if self.runner.state.tab != TAB:
            self._waiting = beside
            return
        services, fit = self.runner.services, beside.other.fit
        key = f"{beside.run} {fit.status.passes}"
        # In a thread: the coordinates of many cells take a while.
        future = services.fetcher.submit(_look, services.embedder, key, fit)
        self.runner.later(future, lambda done: self._receive(beside, done))

    def _receive(self, beside: Beside, done: Future[tuple[np.ndarray | None, str]]) -> None:
        if beside is not self.compared.beside:
            return
        if (error := done.exception()) is not None:
            self.placing = ""
            self.runner.state.run_error = Notice(
                "a UMAP of the cells of the other run",
                str(error),
                "Its first two factors are shown instead; choose the run again to retry.",
            )
            return
        xy, words = done.result()
        if xy is not None:
            self.param.update(xy=xy, placing="")
            return
        self.placing = words or "waiting"
        self._ask(beside)


def _look(embedder: Embedder, key: str, fit: AnyFit) -> tuple[np.ndarray | None, str]:
    xy: Any = embedder.ask(key, fit)
    return xy, "" if xy is not None else embedder.progress(key)
