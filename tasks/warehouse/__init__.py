"""The DuckDB database: commits, ledger of files, model registry, run log and the published copy."""
