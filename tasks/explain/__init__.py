"""Which words moved a score, shown in a terminal or on a page."""
