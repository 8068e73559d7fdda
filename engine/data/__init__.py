"""The data border: the only place that knows AnnData files."""

from engine.data.counts import Counts, check_config
from engine.data.demo import demo_adata
from engine.data.report import Report
from engine.data.simulate import simulate, true_clr_correlation

__all__ = [
    "Counts",
    "Report",
    "check_config",
    "demo_adata",
    "simulate",
    "true_clr_correlation",
]
