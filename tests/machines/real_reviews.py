"""Writes reviews of the archive as files of six formats, for a comparison of several machines with one."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc

FORMATS = ("csv", "tsv.gz", "jsonl", "parquet", "orc", "feather")
REVIEWS, FILES = 40_000, 30
_CHOSEN = """
SELECT 'r' || row_number() OVER () AS review_id, movie_id, text AS review
FROM read_parquet(['{reviews}/train.parquet', '{reviews}/test.parquet']) LIMIT {limit} OFFSET {offset}
"""
_OPTIONS = {
    "csv": "FORMAT csv, HEADER",
    "tsv.gz": "FORMAT csv, HEADER, DELIMITER '\t', COMPRESSION gzip",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet",
}


def write_formats(reviews: Path, folder: Path) -> dict[str, Path]:
    """Write the reviews of an archive's Parquet into files; return them by their names in an inbox."""
    folder.mkdir()
    found, each = {}, REVIEWS // FILES
    for number in range(FILES):
        ending = FORMATS[number % len(FORMATS)]
        path = folder / f"{number:02}.{ending}"
        query = _CHOSEN.format(reviews=reviews, limit=each + (number < REVIEWS % FILES), offset=number * each)
        if ending in _OPTIONS:
            duckdb.sql(f"COPY ({query}) TO '{path}' ({_OPTIONS[ending]})")
        else:
            _write_arrow(duckdb.execute(query).to_arrow_table(), path)
        found[f"shop-{number % 4}/{path.name}"] = path
    return found


def _write_arrow(table: pa.Table, path: Path) -> None:
    """Write a table in a format that DuckDB does not write."""
    if path.suffix == ".orc":
        orc.write_table(table, path)
    else:
        feather.write_feather(table, path, compression="uncompressed")
