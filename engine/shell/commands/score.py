"""The command ``python -m engine score``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.shell.click_command import ShellCommand
from engine.shell.counts_arguments import read_as, reading, saved_fit

if TYPE_CHECKING:
    from engine.checks import Score


@click.command(cls=ShellCommand)
@saved_fit
@click.argument("data", metavar="HELDOUT", help="Cells that it has not seen: as DATA of fit.")
@reading
@click.option("--seed", type=int, default=0, help="seed of the split of the counts")
@click.option("--json", "as_json", is_flag=True, help="end with one line of JSON on stdout")
def score(path: Path, data: str, seed: int, as_json: bool, **values: Any) -> None:
    """Score a saved fit on held-out cells."""
    from engine import checks
    from engine.results import load

    fit = load(path)
    scored = checks.score(fit, read_as(fit, data, values), seed=seed)
    print(score_words(scored), file=sys.stderr)
    if as_json:
        print(json.dumps(scored.to_dict()))


def score_words(scored: Score) -> str:
    """A score in words."""
    marginal = scored.log_marginal_per_cell
    words = f"{scored.model}: perplexity {scored.perplexity:.2f} by document completion on "
    words += f"{scored.n_cells:,} cells"
    if scored.n_left_out:
        words += f" ({scored.n_left_out:,} with too few counts left out)"
    if marginal is None:
        return words
    # An encoder without refinement gives a lower bound only.
    return f"{words}; log marginal {'≥ ' if scored.is_bound else ''}{marginal:.2f} nats per cell"
