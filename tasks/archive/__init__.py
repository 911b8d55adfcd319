"""The Stanford archive: its download, its reader, and the reviews Parquet files written from it."""
