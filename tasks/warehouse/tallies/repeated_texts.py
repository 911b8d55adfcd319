"""Keeps the tables `text_keys` and `repeated_texts` equal to their definition: which row has which text, which several.

`note_texts` stores the texts of rows that come or go; `add_noted_texts` and `drop_noted_texts` change both tables, in
the transaction of that change. `FIND_WRONG_REPEATS` finds what differs from the definition, `rebuild_texts` sets all.
"""

import duckdb

_KEY = "coalesce(try_cast('0x' || left(text_sha256, 16) AS UBIGINT), 0)"
"""SQL: the number of a text. Of two texts with the same number, the second one is taken for a repeated one too."""
_ALL_KEYS = f"SELECT {_KEY} AS text_key, source_sha256, row_number FROM source_reviews"  # noqa: S608 (our own names)
# Numbers are counted in half the time of the texts.
_ALL_REPEATED = """
SELECT text_sha256 FROM source_reviews SEMI JOIN (
    SELECT hash(text_sha256) AS text_number FROM source_reviews GROUP BY text_number HAVING count(*) > 1
) AS numbers ON hash(text_sha256) = text_number
GROUP BY text_sha256 HAVING count(*) > 1
"""
_KEYS_OF_SEVERAL = f"SELECT {_KEY} AS text_key FROM source_reviews GROUP BY text_key HAVING count(*) > 1"  # noqa: S608
FIND_WRONG_REPEATS = f"""
SELECT text_sha256, NULL AS text_key FROM ({_ALL_REPEATED} EXCEPT ALL SELECT text_sha256 FROM repeated_texts)
UNION ALL
SELECT text_sha256, NULL FROM repeated_texts WHERE {_KEY} NOT IN ({_KEYS_OF_SEVERAL})
UNION ALL
SELECT text_sha256, NULL FROM repeated_texts GROUP BY ALL HAVING count(*) > 1
UNION ALL
SELECT NULL, text_key FROM ({_ALL_KEYS} EXCEPT ALL SELECT text_key, source_sha256, row_number FROM text_keys)
UNION ALL
SELECT NULL, text_key FROM (SELECT text_key, source_sha256, row_number FROM text_keys EXCEPT ALL {_ALL_KEYS})
"""  # noqa: S608 (our own names)
"""SQL: the texts and numbers by which the tables differ from their definition."""
_NOTE = f"""
CREATE OR REPLACE TEMP TABLE noted_texts AS
SELECT {_KEY} AS text_key, source_sha256, row_number, text_sha256 FROM {{texts}}
"""  # noqa: S608 (our own names)
_FIND_KNOWN = """
CREATE OR REPLACE TEMP TABLE known_keys AS
SELECT DISTINCT text_key FROM text_keys SEMI JOIN noted_texts USING (text_key)
"""
_HAS_REPEATED = "SELECT count(*) > count(DISTINCT text_key) FROM noted_texts"
_ADD_REPEATED = """
INSERT INTO repeated_texts
SELECT DISTINCT text_sha256 FROM noted_texts ANTI JOIN repeated_texts USING (text_sha256)
WHERE text_key IN (FROM known_keys) OR text_key IN (
    SELECT text_key FROM noted_texts GROUP BY text_key HAVING count(*) > 1
)
"""
_ADD_KEYS = "INSERT INTO text_keys SELECT text_key, source_sha256, row_number FROM noted_texts"
_DROP_KEYS = """
DELETE FROM text_keys AS keys USING noted_texts AS noted
WHERE keys.source_sha256 = noted.source_sha256 AND keys.row_number = noted.row_number
"""
_DROP_REPEATED = f"""
DELETE FROM repeated_texts WHERE {_KEY} IN (SELECT text_key FROM noted_texts) AND {_KEY} NOT IN (
    SELECT text_key FROM text_keys SEMI JOIN noted_texts USING (text_key) GROUP BY text_key HAVING count(*) > 1
)
"""  # noqa: S608 (our own names)


def note_texts(connection: duckdb.DuckDBPyConnection, texts: str) -> None:
    """Store the texts of the rows in the table `texts`."""
    connection.execute(_NOTE.format(texts=texts))


def find_known_texts(connection: duckdb.DuckDBPyConnection) -> int:
    """Find which of the noted texts there were before, and how many: of the whole history, only numbers are read."""
    [(known,)] = connection.execute(_FIND_KNOWN).fetchall()
    return int(known)


def add_noted_texts(connection: duckdb.DuckDBPyConnection, known: int) -> None:
    """Add the noted texts, which are of new rows; `find_known_texts` has found the `known` ones."""
    connection.execute(_ADD_KEYS)
    if known or connection.execute(_HAS_REPEATED).fetchall() == [(True,)]:
        connection.execute(_ADD_REPEATED)


def drop_noted_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop those of the noted texts that no row has any more, or one row only; their rows are deleted."""
    for statement in (_DROP_KEYS, _DROP_REPEATED):
        connection.execute(statement).fetchall()


def rebuild_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Set both tables, as they are defined."""
    for table, rows in (("text_keys", _ALL_KEYS), ("repeated_texts", _ALL_REPEATED)):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (our own names)
        connection.execute(f"INSERT INTO {table} {rows}")
