"""Who sits at a page."""
