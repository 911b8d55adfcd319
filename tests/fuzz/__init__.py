"""Fuzzing of the readers of review files: mutations of valid files of every format."""
