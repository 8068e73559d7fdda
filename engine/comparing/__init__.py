"""Differences between groups of cells, and their uncertainty."""

from engine.comparing.coefficients import coefficients
from engine.comparing.compared_groups import with_groups
from engine.comparing.differences import (
    Differences,
    DifferencesProgress,
    differences,
    differences_iter,
)
from engine.comparing.differential import Change, Differential, check_comparable, differential
from engine.comparing.differential_by import (
    DifferentialProgress,
    differential_by,
    differential_by_iter,
)
from engine.comparing.latent_differences import (
    LatentDifferences,
    LatentDifferencesProgress,
    latent_differences,
    latent_differences_iter,
)

__all__ = [
    "Change",
    "Differences",
    "DifferencesProgress",
    "Differential",
    "DifferentialProgress",
    "LatentDifferences",
    "LatentDifferencesProgress",
    "check_comparable",
    "coefficients",
    "differences",
    "differences_iter",
    "differential",
    "differential_by",
    "differential_by_iter",
    "latent_differences",
    "latent_differences_iter",
    "with_groups",
]
