"""What ``python -m engine score`` does."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from engine.shell.counts import read_as

if TYPE_CHECKING:
    from engine.checks import Score


def score(options: argparse.Namespace) -> None:
    """Score a saved fit on cells that it has not seen."""
    from engine import checks
    from engine.results import load

    fit = load(options.fit)
    scored = checks.score(fit, read_as(fit, options), seed=options.seed)
    print(score_words(scored), file=sys.stderr)
    if options.json:
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
