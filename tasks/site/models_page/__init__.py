"""The page on which the recorded models stand beside each other: what it shows, and its charts."""
