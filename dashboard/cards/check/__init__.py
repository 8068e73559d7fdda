"""The Check tab: does the model make counts like those it was given?"""

from dashboard.cards.check.tab import CheckView

__all__ = ["CheckView"]
