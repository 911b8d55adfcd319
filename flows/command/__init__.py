"""The `reviews` command: its arguments, its commands in groups, and what it prints."""
