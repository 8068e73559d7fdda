"""Files of fits: written as a whole, and checked before they are read."""
