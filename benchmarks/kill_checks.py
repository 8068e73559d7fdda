"""What killed servers were told is done, and whether the home still says so."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from dashboard import saved_selections
from engine.errors import FitError
from engine.jobs import factor_names
from engine.jobs.store import CHECKPOINT, FIT, RunStore
from engine.results import load
from engine.store import CountsStore, layout

DAY = 86400.0


class Journal:
    """Lines that several processes append, each at once and whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last: set[str] = set()
        path.touch()

    def write(self, *words: str) -> None:
        line = "\t".join(words)
        # What stays as it is need be said once.
        if words[0] == "done" and line in self._last:
            return
        self._last.add(line)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[list[str]]:
        return [line.split("\t") for line in self.path.read_text().splitlines()]

    def counted(self) -> Counter[str]:
        return Counter(words[0] for words in self.read())


def faults(home: Path, journal: Journal) -> Iterator[str]:
    """What is wrong with a home that no server uses any more, each in a line."""
    store = RunStore(home)
    # Deleted under way: there or not, but whole.
    made, doomed, gone = set[str](), set[str](), set[str]()
    # Two servers may rename a run at a time, and say so in the other order.
    named, begun = defaultdict[str, list[str]](list), defaultdict[str, set[str]](set)
    done: dict[str, int] = {}
    selected: dict[str, set[str]] = {}
    for act, what, *more in journal.read():
        if act == "made":
            made.add(what)
        elif act == "deleting":
            doomed.add(what)
        elif act == "deleted":
            gone.add(what)
        elif act == "done":
            done[what] = max(done.get(what, 0), int(more[0]))
        elif act == "renamed":
            begun[what].discard(more[0])
            named[what] = [*named[what][-1:], more[0]]
        elif act == "renaming":
            begun[what].add(more[0])
        elif act == "selected":
            selected.setdefault(what, set()).add(more[0])
        elif act == "uploaded" and Path(what).stat().st_size != int(more[0]):
            yield f"the upload {Path(what).name} is not whole"
    listed = set(store.ids())
    yield from (f"{run} is lost" for run in made - doomed - listed)
    yield from (f"{run} came back" for run in gone & listed)
    for run in sorted(listed):
        called = {*named[run], *begun[run]} if named[run] else set[str]()
        yield from _of_run(store, run, called, done.get(run))
        yield from _of_selections(store.path(run), selected.get(run, set()))
    store.clean(now=time.time() + DAY)
    counts = CountsStore(home / "counts")
    counts.clean(now=time.time() + DAY)
    yield from _of_counts(counts)
    for path in home.rglob(".*"):
        yield f"{path.relative_to(home)} is left"


def _of_counts(store: CountsStore) -> Iterator[str]:
    for folder in store.folder.glob("[!.]*"):
        try:
            # To read them would start threads, beside which the next server cannot be forked.
            layout.check(folder)
        except (OSError, ValueError) as error:
            yield f"the counts {folder.name} are not whole: {error}"


def _of_run(store: RunStore, run: str, called: set[str], passes: int | None) -> Iterator[str]:
    status = store.read(run)
    if status is None:
        yield f"{run} cannot be read"
        return
    if "cannot be read" in status.message or status.active:
        yield f"{run} is {status.state}: {status.message}"
    if called and status.name not in called:
        yield f"{run} is called {status.name!r}, not one of {called}"
    for path in (store.path(run, FIT), store.path(run, CHECKPOINT)):
        if path.exists():
            try:
                fit = load(path)
            except FitError as error:
                yield f"{run}: {path.name} is damaged: {error}"
                continue
            if path.name == FIT and passes is not None and fit.status.passes < passes:
                yield f"{run}: {fit.status.passes} passes instead of {passes}"
    if passes is not None and not store.path(run, FIT).exists():
        yield f"{run} was done and has no fit"
    if (file := store.path(run, factor_names.FILE)).exists():
        json.loads(file.read_text("utf-8"))


def _of_selections(folder: Path, selected: set[str]) -> Iterator[str]:
    there = {path.stem for path in (folder / saved_selections.FOLDER).glob("*.npz")}
    # The oldest of many go.
    if len(selected) < saved_selections.MOST and selected - there:
        yield f"{folder.name}: the selections {sorted(selected - there)} are lost"
    for key in there:
        if saved_selections.read(folder, key) is None:
            yield f"{folder.name}: the selection {key} is damaged"
