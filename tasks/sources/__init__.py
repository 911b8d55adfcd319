"""Sources: the feeds that review files come from, each with a profile that says how its files are read."""
