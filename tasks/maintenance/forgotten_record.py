"""The home's record of forgotten rows: which rows of which files, by whom, when and why, and nothing of their content.

It is a file of its own, so that what was forgotten stays so when the database is lost, damaged or replaced by a backup.
A line is a row of `forgotten_rows` as JSON. A row that the record has once never leaves it.
"""

import glob
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from data_contracts.errors import ReviewsError, WarehouseError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.duckdb_engine import quote_sql
from tasks.warehouse.database.duckdb_errors import shorten_error
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published
from tasks.warehouse.row_names import CONTENT_DIGITS, ROW_NAME

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = {
    "source_sha256": "VARCHAR",
    "row_number": "BIGINT",
    "was_quarantined": "BOOLEAN",
    "reason": "VARCHAR",
    "forgotten_by": "VARCHAR",
    "forgotten_at": "TIMESTAMPTZ",
    "rows_read": "BIGINT",
    "rows_chosen": "VARCHAR",
    "bytes": "BIGINT",
    "is_named": "BOOLEAN",
}
_MAKE_REMEMBERED = f"""
CREATE OR REPLACE TEMP TABLE remembered ({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
"""
_LOAD_FILE = "INSERT INTO remembered FROM read_json(%s, format = 'newline_delimited', columns = %s)"
_COUNT_BROKEN = """
SELECT count(*) FROM remembered
WHERE NOT coalesce(length(source_sha256) >= 64 AND row_number > 0 AND was_quarantined IN (true, false), false)
OR forgotten_by IS NULL OR forgotten_at IS NULL
"""
_ALL = """
SELECT DISTINCT ON (source_sha256, row_number) * FROM remembered
ORDER BY is_named IS false, forgotten_at, row_number, bytes
"""
_ONLY_REMEMBERED = f"""
SELECT {ROW_NAME} AS row FROM remembered ANTI JOIN forgotten_rows USING (source_sha256, row_number) ORDER BY row
"""  # noqa: S608 (our own names)
# In whichever reading: a later one has the forgotten rows of the one before from its commit on.
_ONLY_IN_DATABASE = f"""
SELECT {ROW_NAME} AS row FROM forgotten_rows AS known WHERE NOT EXISTS (
    SELECT 1 FROM remembered AS kept WHERE kept.row_number = known.row_number
    AND left(kept.source_sha256, {CONTENT_DIGITS}) = left(known.source_sha256, {CONTENT_DIGITS})
) ORDER BY row
"""  # noqa: S608 (our own names)


def write_record(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write a record anew, with all that it has and the table `forgotten_rows`: completely, or not at all."""
    load_records(connection, [path])
    connection.execute("INSERT INTO remembered BY NAME FROM forgotten_rows").fetchall()
    if connection.execute("SELECT count(*) FROM remembered").fetchall() == [(0,)]:
        return
    with write_whole(path) as building:
        connection.execute(f"COPY ({_ALL}) TO {quote_sql(str(building))} (FORMAT json)").fetchall()


def load_records(connection: duckdb.DuckDBPyConnection, records: Sequence["Path | pa.Table"]) -> str:
    """Load records, where there are any, and tables like `forgotten_rows`; return the SQL of all their rows, each once.

    Raises `ReviewsError` if a record is damaged.
    """
    connection.execute(_MAKE_REMEMBERED)
    for record in records:
        if not isinstance(record, Path):
            connection.register("traces", record)
            connection.execute("INSERT INTO remembered BY NAME FROM traces").fetchall()
            connection.unregister("traces")
        elif record.exists():
            _load_file(connection, record)
    return _ALL


def _load_file(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Load the rows of a record file; raise `ReviewsError` if it is damaged."""
    try:
        file = quote_sql(glob.escape(str(path.absolute())))
        connection.execute(_LOAD_FILE % (file, _COLUMNS)).fetchall()
        [(broken,)] = connection.execute(_COUNT_BROKEN).fetchall()
        damage = f"{count(broken, 'line')} of it can't be of a row" if broken else ""
    except duckdb.Error as error:
        damage = shorten_error(error)
    if damage:
        raise ReviewsError(
            f"{path}: is damaged ({escape_controls(damage)}); without it what was forgotten could come back. Next: "
            "correct its lines, or take them from the same file in a backup."
        )


def compare_record(home: Home) -> tuple[list[str], list[str]]:
    """Return the names of the rows that only a home's record has as forgotten, and of those that only its database has.

    Raises `ReviewsError` if the record is damaged.
    """
    with open_warehouse(home.warehouse, write=False) as connection:
        load_records(connection, [home.forgotten])
        found = [connection.execute(query).fetchall() for query in (_ONLY_REMEMBERED, _ONLY_IN_DATABASE)]
    only_remembered, only_in_database = [[name for (name,) in rows] for rows in found]
    return only_remembered, only_in_database


def read_forgotten(home: Home) -> "list[pa.Table]":
    """Return the table `forgotten_rows` of a home's database and of its published copy, of each that can be read."""
    found = list["pa.Table"]()
    if home.warehouse.exists():
        with suppress(WarehouseError), open_warehouse(home.warehouse, write=False) as connection:
            found.append(connection.sql("FROM forgotten_rows").to_arrow_table())
    with suppress(WarehouseError), open_published(home.published) as connection:
        found.append(connection.sql("FROM forgotten_rows").to_arrow_table())
    return found
