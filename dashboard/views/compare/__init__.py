"""The Compare tab: finished runs on the same data side by side."""

from dashboard.views.compare.view import CompareView

__all__ = ["CompareView"]
