"""What is retried, timed and shown: archive, Parquet, review files, scoring, warehouse, reports."""
