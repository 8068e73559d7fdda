"""Figures for papers: tidy data -> matplotlib figures. They know no page.

They are made under one lock, since matplotlib's settings belong to the whole process.
"""

from dashboard.figures.bars import bars
from dashboard.figures.cells import cells
from dashboard.figures.heatmap import heatmap
from dashboard.figures.histograms import histograms
from dashboard.figures.loadings import loadings

__all__ = ["bars", "cells", "heatmap", "histograms", "loadings"]
