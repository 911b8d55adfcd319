"""Snapshots: a copy of a home in chunks named by content, in a folder or a store: backup, restore, the copy to read."""
