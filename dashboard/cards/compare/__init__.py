"""The Compare tab: finished runs on the same data side by side."""

from dashboard.cards.compare.tab import CompareView

__all__ = ["CompareView"]
