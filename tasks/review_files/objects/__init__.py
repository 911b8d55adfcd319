"""Formats whose rows are objects with keys of their own: JSON lines and JSON documents."""
