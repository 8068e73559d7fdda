"""What fits of all models share: their clock, training, blocks of cells, and how they ended."""
