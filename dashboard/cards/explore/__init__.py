"""The Explore tab: cells, gene correlations, loadings and details of the last click."""

PLACE = 2
