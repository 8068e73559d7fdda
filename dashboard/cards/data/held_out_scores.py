"""Held-out scores of the runs on the same data, side by side."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence

from dashboard import html, lists
from dashboard.state import CHOICES
from dashboard.templates import Html, render
from engine.jobs import JobStatus
from engine.registry import family_of_settings
from engine.validation import AUTO

TITLE = "Held-out scores"
HOW = (
    "How well half of the counts of a held-out cell predict the other half, on the same cells "
    "and genes. Perplexity: the lower the better; a model that knew nothing would have the "
    "number of genes."
)
OTHERS = "Scored on other data, genes, cells or with another seed, and not comparable: {}."
LEFT_OUT = "Not shown, of those that compare: {}."
HEAD = (
    "run",
    "model",
    "inference",
    "size",
    "perplexity",
    "log marginal (nats/cell)",
    "cells",
    "seconds",
)
MOST = 12
SAME = ("source", "layer", "genes", *CHOICES)


def comparable(runs: Sequence[JobStatus], shown: str | None) -> list[JobStatus]:
    """Scored runs that compare with the one that is shown, else with the newest; best first.

    They have read the same genes of the same data and were scored on the same counts of the
    same cells.
    """
    scored = [run for run in runs if run.score is not None]
    first = next((run for run in scored if run.id == shown), scored[0] if scored else None)
    if first is None:
        return []
    same = [run for run in scored if _scored_on(run) == _scored_on(first)]
    return sorted(same, key=_perplexity)


def page(runs: list[JobStatus], shown: str | None) -> str:
    """HTML of the table; empty if no run was scored."""
    scored = comparable(runs, shown)
    if not scored:
        return ""
    rows = scored[:MOST]
    # The open run stays in sight, however it ranks.
    rows[-1:] = [next((run for run in scored[MOST:] if run.id == shown), rows[-1])]
    others = sum(run.score is not None for run in runs) - len(scored)
    counts = ((LEFT_OUT, len(scored) - len(rows)), (OTHERS, others))
    notes = (words.format(f"{n:,} runs" if n > 1 else "1 run") for words, n in counts if n)
    body = [(run.id == shown, *_row(run)) for run in rows]
    return render("details.scores", TITLE, HOW, HEAD, body, notes)


def _row(run: JobStatus) -> tuple[Html, tuple[str, ...]]:
    score = run.score or {}
    marginal, bound = score.get("log_marginal_per_cell"), "≥ " if score.get("is_bound") else ""
    cells = (
        str(score.get("model", "")).upper(),
        str(run.config.get("inference", "")),
        _latents(run),
        f"{_perplexity(run):,.5g}",
        "none" if marginal is None else f"{bound}{html.number(float(marginal), 2)}",
        html.number(float(score.get("n_cells", 0))),
        html.number(run.seconds, 1),
    )
    return lists.press("run-open", run.id, run.name), cells


def _latents(run: JobStatus) -> str:
    config = family_of_settings(run.config).config
    what, size = f"{config.latent}s", run.config.get(config.size_name())
    return f"{what} to be chosen" if size == AUTO else f"{size} {what}"


def _perplexity(run: JobStatus) -> float:
    return float((run.score or {}).get("perplexity") or float("inf"))


def _scored_on(run: JobStatus) -> Hashable:
    request = json.dumps([run.request.get(name) or None for name in SAME])
    score = run.score or {}
    counts = (score.get("n_cells"), score.get("n_features"), score.get("n_counts"))
    return request, run.holdout, run.config.get("seed"), *counts
