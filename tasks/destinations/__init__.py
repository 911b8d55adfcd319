"""Delivers scores to where people look and work: a table in PostgreSQL, or a folder of Parquet files."""
