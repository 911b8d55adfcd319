"""Queries of the published copy: SQL, named queries, output formats and exports."""
