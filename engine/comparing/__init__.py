"""Differences between groups of cells, and how far to believe them."""

from engine.comparing.coefficients import coefficients
from engine.comparing.differences import (
    Differences,
    DifferencesProgress,
    differences,
    differences_iter,
)
from engine.comparing.differential import Change, Differential, check_comparable, differential

__all__ = [
    "Change",
    "Differences",
    "DifferencesProgress",
    "Differential",
    "check_comparable",
    "coefficients",
    "differences",
    "differences_iter",
    "differential",
]
