"""The Check tab: does the model make counts like those it was given?"""

from dashboard.views.check.view import CheckView

__all__ = ["CheckView"]
