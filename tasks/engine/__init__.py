"""Scoring by many workers: a group of objects or of texts is a task of Dask, and the run commits what comes back."""
