"""Keeps the table `repeated_keys` equal to its definition: which texts, and nearly equal ones, several rows have.

`note_keys` stores the keys of rows that come or go, `settle_keys` sets the table for these, both in the transaction of
that change. `FIND_WRONG_KEYS` finds what differs from the definition, `rebuild_keys` sets all.
"""

import duckdb

TEXT_KEY = "coalesce(try_cast('0x' || left(text_sha256, 16) AS UBIGINT), 0)"
"""SQL: the number of a text. Two texts may have the same."""
_KINDS = {
    "text": (TEXT_KEY, "true"),
    "near": ("near_key", "near_key IS NOT NULL AND (given_label IS NOT NULL OR given_rating IS NOT NULL)"),
}
"""For each kind the SQL of its key, and which rows count."""


def _define(which: str = "") -> str:
    """Return the query for the keys that several rows have; `which` leaves rows out."""
    return " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, {kind}_key AS key FROM source_reviews {which.format(kind=kind)} "  # noqa: S608
        f"WHERE {condition} GROUP BY key HAVING count(*) > 1"
        for kind, (_, condition) in _KINDS.items()
    )


_KEPT = "SELECT kind, key FROM repeated_keys"
FIND_WRONG_KEYS = f"""
FROM (({_define()}) EXCEPT ALL {_KEPT}) UNION ALL FROM ({_KEPT} EXCEPT ALL ({_define()}))
"""
"""SQL: the keys by which the table differs from its definition."""
_NOTED = " UNION ".join(
    f"SELECT '{kind}' AS kind, {key} AS key FROM {{texts}} WHERE {condition}"  # noqa: S608 (our own names)
    for kind, (key, condition) in _KINDS.items()
)
_NOTE = f"CREATE OR REPLACE TEMP TABLE noted_keys AS {_NOTED}"
_DROP = "DELETE FROM repeated_keys WHERE (kind, key) IN (SELECT (kind, key) FROM noted_keys)"
_ADD = "INSERT INTO repeated_keys " + _define(
    "SEMI JOIN (FROM noted_keys WHERE kind = '{kind}') AS noted ON {kind}_key = noted.key"
)


def note_keys(connection: duckdb.DuckDBPyConnection, texts: str) -> None:
    """Store the keys of the rows in the table `texts`."""
    connection.execute(_NOTE.format(texts=texts)).fetchall()


def settle_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Set which of the noted keys several of the present rows have: of the whole history, only keys are read."""
    for statement in (_DROP, _ADD):
        connection.execute(statement).fetchall()


def rebuild_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the table, as it is defined."""
    connection.execute("DELETE FROM repeated_keys")
    connection.execute(f"INSERT INTO repeated_keys {_define()}")
