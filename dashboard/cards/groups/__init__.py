"""The Groups tab: what covariates do to genes, and groups of cells against each other."""

PLACE = 4
