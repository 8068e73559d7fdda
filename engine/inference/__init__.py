"""Drivers: they run the models over the counts and yield progress."""

from engine.inference.driver import fit, fit_iter
from engine.inference.progress import Progress
from engine.inference.transform import transform

__all__ = ["Progress", "fit", "fit_iter", "transform"]
