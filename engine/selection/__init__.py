"""How many factors or topics: grown until more of them predict held-out counts no better."""

from engine.selection.fitting import check_counts, fit, fit_iter

__all__ = ["check_counts", "fit", "fit_iter"]
