"""Source files in folders that other programs write to: how they are found, identified and opened."""
