"""What the page shows: one folder a tab, one file a card."""
