"""The Stanford archive: its download, its reader, and the reviews Parquet made of it."""
