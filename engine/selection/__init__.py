"""How many factors or topics: grown until more of them predict held-out counts no better."""

from engine.selection.fitting import fit, fit_iter

__all__ = ["fit", "fit_iter"]
