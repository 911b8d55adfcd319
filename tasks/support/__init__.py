"""Helpers for all packages of tasks: text formatting, locks, progress bars, Ctrl-C, refusals, memory, code version."""
