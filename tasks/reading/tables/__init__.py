"""Formats of tables that native libraries decode, in a process of its own with limited memory and time."""
