"""Scoring groups of files into parts: the plan of a run, the scored and quarantined rows, and their checks."""
