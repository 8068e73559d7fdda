"""Code that the fits of all models share: clock, training, blocks of cells, status."""
