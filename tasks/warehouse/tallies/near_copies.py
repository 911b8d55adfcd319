"""Keeps the table `near_copies` equal to its definition: which near_keys several labelled rows have.

`note_copies` stores the near_keys of rows that come or go, `settle_copies` sets the table for these, both in the
transaction of that change. `FIND_WRONG_COPIES` finds what differs from the definition, `rebuild_copies` sets all.
"""

import duckdb

_IS_LABELLED = "near_key IS NOT NULL AND (given_label IS NOT NULL OR given_rating IS NOT NULL)"
_DEFINITION = f"""
SELECT near_key FROM source_reviews {{which}} WHERE {_IS_LABELLED} GROUP BY near_key HAVING count(*) > 1
"""  # noqa: S608 (our own words)
_ALL = _DEFINITION.format(which="")
FIND_WRONG_COPIES = f"""
SELECT near_key FROM ({_ALL} EXCEPT ALL SELECT near_key FROM near_copies)
UNION ALL
SELECT near_key FROM (SELECT near_key FROM near_copies EXCEPT ALL {_ALL})
"""  # noqa: S608 (likewise)
"""SQL: the near_keys by which the table differs from its definition."""
_NOTE = f"""
CREATE OR REPLACE TEMP TABLE noted_copies AS SELECT DISTINCT near_key FROM {{texts}} WHERE {_IS_LABELLED}
"""  # noqa: S608 (likewise)
_DROP = "DELETE FROM near_copies WHERE near_key IN (SELECT near_key FROM noted_copies)"
_ADD = f"INSERT INTO near_copies {_DEFINITION.format(which='SEMI JOIN noted_copies USING (near_key)')}"


def note_copies(connection: duckdb.DuckDBPyConnection, texts: str) -> None:
    """Store the near_keys of the labelled rows in the table `texts`."""
    connection.execute(_NOTE.format(texts=texts)).fetchall()


def settle_copies(connection: duckdb.DuckDBPyConnection) -> None:
    """Set which of the noted near_keys several of the present rows have: of the whole history, only keys are read."""
    if connection.execute("SELECT count(*) FROM noted_copies").fetchall() != [(0,)]:
        connection.execute(_DROP).fetchall()
        connection.execute(_ADD).fetchall()


def rebuild_copies(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the table, as it is defined."""
    connection.execute("DELETE FROM near_copies")
    connection.execute(f"INSERT INTO near_copies {_ALL}")
