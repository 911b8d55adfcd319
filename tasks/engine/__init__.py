"""Scoring by many workers: a group of a store's objects is a task of Dask, and the run commits what comes back."""
