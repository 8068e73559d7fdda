"""The Compare tab: finished runs on the same data side by side."""

PLACE = 6
