"""Backups of a home: they are made, shared in blocks with earlier ones, copied to a store, and restored."""
