"""The `reviews` command: what a person types, and what it does by hand beside the flows."""
