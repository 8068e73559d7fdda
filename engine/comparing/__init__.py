"""Differences between groups of cells, and how far to believe them."""

from engine.comparing.coefficients import coefficients
from engine.comparing.differences import (
    Differences,
    DifferencesProgress,
    differences,
    differences_iter,
)
from engine.comparing.differential import Change, Differential, differential

__all__ = [
    "Change",
    "Differences",
    "DifferencesProgress",
    "Differential",
    "coefficients",
    "differences",
    "differences_iter",
    "differential",
]
