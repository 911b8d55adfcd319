"""Training: from the reviews Parquet to a bundle with its metrics, and the comparison of two models."""
