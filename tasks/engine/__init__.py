"""Scoring by many workers: batches of texts are tasks of Dask, and the run does all else."""
