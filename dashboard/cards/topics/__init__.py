"""The Topics tab: what the topics or factors of a run are made of, and which cells they are in."""

PLACE = 3
