"""Compressed files and archives, opened as streams of their members without unpacking them to disk."""
