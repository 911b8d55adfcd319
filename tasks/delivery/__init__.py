"""Sends scores to where people look and work: a table in PostgreSQL, a folder of Parquet or CSV files."""
