"""Differences between groups of cells, and how far to believe them."""

from engine.comparing.coefficients import (
    CoefficientsProgress,
    coefficients,
    coefficients_iter,
)
from engine.comparing.differences import (
    Differences,
    DifferencesProgress,
    differences,
    differences_iter,
)
from engine.comparing.differential import Change, Differential, differential

__all__ = [
    "Change",
    "CoefficientsProgress",
    "Differences",
    "DifferencesProgress",
    "Differential",
    "coefficients",
    "coefficients_iter",
    "differences",
    "differences_iter",
    "differential",
]
