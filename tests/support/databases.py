"""Creates databases for tests, in files and in memory, as copies of a template: making the tables takes longer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path

import duckdb

from data_contracts.storage.durable import write_whole
from data_contracts.warehouse import Migration, list_migrations, read_views
from tasks.warehouse.database import migrating
from tasks.warehouse.database.duckdb_engine import quote_sql
from tests.support.once import copy_sparsely, make_once

create_tables = migrating._create
"""What makes a database anew."""
_NUMBERS = count()


def find_template() -> Path:
    """Return the path of an empty database with the present tables and views, to be copied or read."""
    return _make_template(list_migrations(), read_views())


def copy_tables(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Copy the empty database to `path`, as durably as a new one is written."""
    migrating.name_log(path).unlink(missing_ok=True)
    with write_whole(path) as building:
        copy_sparsely(_make_template(migrations, views), building)


def _make_template(migrations: Sequence[Migration], views: str) -> Path:
    digest = sha256(repr((migrations, views)).encode()).hexdigest()[:16]
    made = make_once(
        f"database-{digest}", lambda folder: create_tables(folder / "empty.duckdb", migrations, views)
    )
    return made / "empty.duckdb"


@contextmanager
def make_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Make the present tables and views in memory while the block runs, with answers in UTC."""
    name = _copy_template()
    with _use_database(name) as tables:
        yield tables
    _start_duckdb().execute(f"DETACH {name}")


@contextmanager
def borrow_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend the tables and views of `make_tables`, kept for all tests of this process, within one transaction.

    What the block does is rolled back; so the block can begin no transaction of its own, and `now()` stays the same.
    """
    with _use_database(_keep_tables()) as tables:
        tables.begin()
        try:
            yield tables
        finally:
            tables.rollback()


@cache
def _keep_tables() -> str:
    return _copy_template()


def _copy_template() -> str:
    """Copy the empty database into memory, and return the name that it has there."""
    name = f"tables_{next(_NUMBERS)}"
    with _start_duckdb().cursor() as connection:
        connection.execute(f"ATTACH {quote_sql(str(find_template()))} AS template (READ_ONLY)")
        connection.execute(f"ATTACH ':memory:' AS {name}")
        connection.execute(f"COPY FROM DATABASE template TO {name}")
        connection.execute("DETACH template")
    return name


@contextmanager
def _use_database(name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a session that uses a database, with answers in UTC."""
    with _start_duckdb().cursor() as session:
        session.execute("SET TimeZone = 'UTC'")
        session.execute(f"USE {name}")
        yield session


@contextmanager
def open_copy(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published copy, read-only, while the block runs, with answers in UTC."""
    name = f"copy_{next(_NUMBERS)}"
    _start_duckdb().execute(f"ATTACH {quote_sql(str(path))} AS {name} (READ_ONLY)")
    try:
        with _use_database(name) as copy:
            yield copy
    finally:
        _start_duckdb().execute(f"DETACH {name}")


@cache
def _start_duckdb() -> duckdb.DuckDBPyConnection:
    """Start a DuckDB for all databases of this process, since that takes longer than making or opening them."""
    return duckdb.connect(config={"threads": 1})
