"""Settings of how a fit is found and when it ends, each with a line of help."""

from __future__ import annotations

from typing import Any

from dashboard import html
from dashboard.asked import parameters
from dashboard.controls.fields import choice, number, switch, whole
from dashboard.controls.form import folded
from dashboard.state import AppState

SCHEDULES = {"cosine, to a hundredth": "cosine", "constant": "constant"}
PRECISIONS = {"single (32 bit)": "float32", "double (64 bit)": "float64"}
SHARE: dict[str, Any] = {"step": 0.05, "format": "0.[0000]"}


def training(state: AppState) -> Any:
    """Of an encoder."""
    of = state.param
    return folded(
        "Training of the encoder",
        whole(
            of.max_epochs,
            "Most epochs",
            "Empty: by the number of cells",
            placeholder="automatic",
        ),
        number(
            of.learning_rate,
            "Learning rate",
            "Largest step of Adam",
            placeholder="the model's own",
            step=1e-3,
            format="0.[000000]",
        ),
        choice(of.schedule, "Schedule", "Of the learning rate", SCHEDULES),
        whole(of.batch_cells, "Batch size", "Cells of a minibatch"),
        whole(of.hidden, "Hidden units", "In each of the encoder's two layers"),
        number(of.dropout, "Dropout", "Share of hidden units left out at random", **SHARE),
        number(of.warm_up, "KL warm-up", "Share of the epochs until the prior counts", **SHARE),
        number(of.validation, "Validation", "Share of cells kept back to end by", **SHARE),
        switch(of.refine, "Refine each cell after training"),
    )


def sampling(state: AppState) -> Any:
    """Of NUTS."""
    of = state.param
    return folded(
        "Chains of NUTS",
        whole(of.n_warmup, "Warm-up", "Iterations that adapt each chain, thrown away"),
        whole(of.n_draws, "Draws", "Kept of each chain"),
        whole(of.n_chains, "Chains", "Told apart to see whether they agree"),
    )


def limits(state: AppState) -> Any:
    """Budget, tolerance, seed and precision."""
    of = state.param
    return folded(
        "Limits and precision",
        whole(
            of.max_passes,
            "Most passes",
            "Over all cells, before it ends",
            visible=_has("max_passes", of),
        ),
        whole(
            of.n_starts,
            "Starts",
            "Tried for a few passes; the best goes on",
            visible=_has("n_starts", of),
        ),
        whole(
            of.topic_passes, "Most passes of EM", "Over all cells", visible=_has("topic_passes", of)
        ),
        number(
            of.max_seconds,
            "Most seconds",
            "Of fitting; empty sets no limit",
            format="0",
            placeholder="no limit",
        ),
        number(
            of.tolerance,
            "Tolerance",
            "Nats per cell; stops when a pass gains less",
            format="0.0[00000]",
            step=1e-3,
            visible=_has("tolerance", of),
        ),
        number(
            of.topic_tolerance,
            "Least gain",
            "Nats per cell; ends when passes gain less",
            format="0.0[00000]",
            step=1e-3,
            visible=_has("topic_tolerance", of),
        ),
        whole(of.seed, "Seed", "Of the randomised start"),
        choice(
            of.precision,
            "Precision",
            "Double takes twice the memory",
            PRECISIONS,
            visible=_has("precision", of),
        ),
        whole(
            of.block_cells,
            "Cells per block",
            "Fewer take less memory; empty chooses",
            placeholder="automatic",
        ),
    )


def _has(name: str, of: Any) -> Any:
    """Whether a parameter is a setting of the chosen model."""
    return html.bound(lambda model: name in parameters(model).values(), of.model)
