"""Files that fits are kept in: written whole, and looked through before they are read."""
