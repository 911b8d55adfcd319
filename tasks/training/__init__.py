"""From the reviews Parquet to a bundle with its metrics, and two models beside each other."""
