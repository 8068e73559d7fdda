"""Reading of counts: the only package that reads AnnData files."""

from engine.data.choices import ChoiceNeeded, Choices, Offer
from engine.data.counts import Counts
from engine.data.demo import DEMO, demo_adata
from engine.data.gene_names import INDEX
from engine.data.info import SourceInfo, inspect_source
from engine.data.read import read_counts
from engine.data.report import Report
from engine.data.request import DataRequest
from engine.data.simulate import simulate, true_clr_correlation
from engine.data.splitting import split_counts

__all__ = [
    "DEMO",
    "INDEX",
    "ChoiceNeeded",
    "Choices",
    "Counts",
    "DataRequest",
    "Offer",
    "Report",
    "SourceInfo",
    "demo_adata",
    "inspect_source",
    "read_counts",
    "simulate",
    "split_counts",
    "true_clr_correlation",
]
