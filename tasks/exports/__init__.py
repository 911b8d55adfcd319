"""Writes scored reviews to files for other programs: every score, day by day, or the current one of each review."""
