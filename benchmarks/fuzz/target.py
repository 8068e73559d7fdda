"""What the product does with a file, a fit or a home that somebody gives it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz.saved import DAMAGED, SOUND
from dashboard import saved_selections
from dashboard.embedding import Embedder
from engine import checks, summaries
from engine.data import DataRequest
from engine.jobs import (
    Jobs,
    check_summary,
    contender,
    list_sweeps,
    size_of,
    sweep_of,
)
from engine.jobs.uncertainties import UNCERTAINTY
from engine.results import load, load_counts, outline
from engine.results.outline import fingerprint
from engine.store import layout, sources, worker
from engine.store.limits import Limits
from engine.store.process import Usage, check, make_message

# A name, and what is called: it gives a value, or raises an EngineError, and nothing else.
Step = tuple[str, Callable[[], Any]]


# Bytes that copies of this process have had resident at most.
PEAKS: list[int] = []


def counts(source: Path) -> Iterator[Step]:
    """As the page opens counts: a copy of this process with limits reads them into a store."""
    yield "read", lambda: _stored(DataRequest(str(source), genes="all"), source)


def _stored(request: DataRequest, source: Path) -> Any:
    folder = Path(tempfile.mkdtemp(dir=source.parent.parent))
    limits = Limits.of(sources.size(request.source))
    heard, output = os.pipe()
    copies = worker.Copies(output)
    copies.do({"number": 1, **make_message(request, folder, limits)})
    while copies.running:
        copies.reap()
        time.sleep(0.01)
    os.close(output)
    with os.fdopen(heard) as lines:
        ended = [message for message in map(json.loads, lines) if "ended" in message]
    usage = Usage(**ended[0]["ended"])
    PEAKS.append(usage.peak)
    check(request, folder, usage, limits)
    return layout.read(folder)


def fit(path: Path) -> Iterator[Step]:
    """As the page and the shell open a saved fit."""
    yield "load", lambda: load(path)
    yield "outline", lambda: outline(path)
    yield "fingerprint", lambda: fingerprint(path)
    yield "counts", lambda: load_counts(path)
    yield "shown", lambda: shown(load(path))


def run(home: Path) -> Iterator[Step]:
    """As the page opens a run, renames it and deletes it, beside another that goes on."""
    jobs = Jobs(home)
    yield "list", jobs.list
    yield "status", lambda: jobs.status(DAMAGED)
    yield "result", lambda: jobs.result(DAMAGED)
    yield "shown", lambda: shown(jobs.result(DAMAGED))
    yield "file", lambda: jobs.fit_file(DAMAGED)
    yield "counts", lambda: jobs.fit_counts(DAMAGED)
    yield "scores", lambda: jobs.cell_scores(DAMAGED)
    yield "names", lambda: jobs.factor_names(DAMAGED, jobs.status(DAMAGED).passes)
    yield "check", lambda: check_summary(jobs, DAMAGED)
    yield "methods", lambda: _methods(jobs)
    yield "uncertainty", lambda: UNCERTAINTY.read(jobs, DAMAGED)
    yield "umap", lambda: Embedder(jobs).known(f"{DAMAGED} {jobs.status(DAMAGED).passes}")
    yield "selections", lambda: _selections(jobs)
    yield "contender", lambda: _compared(jobs)
    yield "sweeps", lambda: [sweep_of(jobs, id) for id in list_sweeps(jobs)]
    yield "size", lambda: size_of(jobs.folder(DAMAGED))
    yield "rename", lambda: jobs.rename(DAMAGED, "another name")
    yield "share", lambda: jobs.share(DAMAGED, True)
    yield "stop", lambda: jobs.stop(DAMAGED)
    yield "delete", lambda: jobs.delete(DAMAGED)
    yield "after", jobs.list
    yield "sound", lambda: jobs.result(SOUND)


def shown(found: Any) -> Any:
    """What the views of a fit are made of."""
    if found is None:
        return None
    genes, mask = list(found.genes[:3]), np.arange(len(found.cells)) % 2 == 0
    return [
        found.factor_names,
        found.log_marginal_per_cell,
        summaries.scores(found),
        summaries.coordinates(found),
        summaries.factor_shares(found),
        summaries.ranking(found, 0),
        summaries.programme_genes(found, 5),
        summaries.correlation_with(found, genes[0]),
        summaries.cell_clr(found, genes),
        summaries.contrast(found, mask),
        [summaries.label_means(found, name) for name in summaries.grouping_columns(found)],
        summaries.methods_text(found),
    ]


def _methods(jobs: Jobs) -> Any:
    """What a report says of a run."""
    found, score = jobs.result(DAMAGED), jobs.status(DAMAGED).score
    if found is None:
        return None
    return summaries.methods_text(found, score=score, check=check_summary(jobs, DAMAGED))


def _selections(jobs: Jobs) -> Any:
    folder = jobs.folder(DAMAGED)
    return [
        saved_selections.read(folder, path.stem)
        for path in sorted((folder / saved_selections.FOLDER).glob("*.npz"))
    ]


def _compared(jobs: Jobs) -> Any:
    """A damaged run beside a sound one, as a comparison of both shows them."""
    sound = contender(jobs, jobs.status(SOUND))
    damaged = contender(jobs, jobs.status(DAMAGED), like=sound)
    return sound, damaged, checks.compare([sound, damaged])


TARGETS = {"counts": counts, "fit": fit, "run": run}
