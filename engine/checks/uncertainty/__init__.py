"""How far correlations, loadings and topics can be believed."""

from engine.checks.uncertainty.correlation import CorrelationUncertainty
from engine.checks.uncertainty.iterate import UncertaintyProgress, uncertainty, uncertainty_iter
from engine.checks.uncertainty.result import LoadingsUncertainty, Uncertainty

__all__ = [
    "CorrelationUncertainty",
    "LoadingsUncertainty",
    "Uncertainty",
    "UncertaintyProgress",
    "uncertainty",
    "uncertainty_iter",
]
