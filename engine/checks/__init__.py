"""How well a fit describes cells that it has not seen."""

from engine.checks.completion import Score, score, set_aside

__all__ = ["Score", "score", "set_aside"]
