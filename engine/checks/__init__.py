"""How well a fit describes cells that it has not seen, and how its topics or factors read."""

from engine.checks.completion import CellScores, Score, complete, score, set_aside
from engine.checks.quality import Quality, quality
from engine.checks.sweep import Sweep, Trial, suggest, sweep

__all__ = [
    "CellScores",
    "Quality",
    "Score",
    "Sweep",
    "Trial",
    "complete",
    "quality",
    "score",
    "set_aside",
    "suggest",
    "sweep",
]
