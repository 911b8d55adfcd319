"""Which readings count: of each file one at most, and of a source whose files replace each other that of the last."""
