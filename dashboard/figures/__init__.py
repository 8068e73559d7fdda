"""Figures for papers: tidy data -> matplotlib figures. They import nothing of the page.

They are made under one lock, since matplotlib's settings belong to the whole process.
"""

from dashboard.figures.bars import bars
from dashboard.figures.cells import cells
from dashboard.figures.changed_heatmaps import changed_heatmaps
from dashboard.figures.check_counts import check_counts
from dashboard.figures.check_lines import residuals, totals
from dashboard.figures.check_points import check_points
from dashboard.figures.compare_cells import compare_cells
from dashboard.figures.compare_heatmap import compare_heatmap
from dashboard.figures.compare_scores import compare_scores
from dashboard.figures.heatmap import heatmap
from dashboard.figures.histograms import histograms
from dashboard.figures.loadings import loadings
from dashboard.figures.sweep_curve import sweep
from dashboard.figures.topic_bars import topic_bars
from dashboard.figures.topic_map import topic_map
from dashboard.figures.topic_structure import topic_structure
from dashboard.figures.topic_table import topic_table
from dashboard.figures.trace import trace
from dashboard.figures.volcano import volcano

__all__ = [
    "bars",
    "cells",
    "changed_heatmaps",
    "check_counts",
    "check_points",
    "compare_cells",
    "compare_heatmap",
    "compare_scores",
    "heatmap",
    "histograms",
    "loadings",
    "residuals",
    "sweep",
    "topic_bars",
    "topic_map",
    "topic_structure",
    "topic_table",
    "totals",
    "trace",
    "volcano",
]
