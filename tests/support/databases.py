"""Creates databases for tests, in files and in memory, as copies of a template: making the tables takes longer."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path

import duckdb

from data_contracts.storage.durable import write_whole
from data_contracts.warehouse import Migration, list_migrations, read_views
from tasks.warehouse import connection
from tasks.warehouse.connection import quote_sql
from tests.support.once import make_once

create_tables = connection._create
"""What makes a database anew."""
_NUMBERS = count()


def find_template() -> Path:
    """Return the path of an empty database with the present tables and views, to be copied or read."""
    return _make_template(list_migrations(), read_views())


def copy_tables(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Copy the empty database to `path`, as durably as a new one is written."""
    connection.name_log(path).unlink(missing_ok=True)
    with write_whole(path) as building:
        shutil.copyfile(_make_template(migrations, views), building)


def _make_template(migrations: Sequence[Migration], views: str) -> Path:
    digest = sha256(repr((migrations, views)).encode()).hexdigest()[:16]
    made = make_once(
        f"database-{digest}", lambda folder: create_tables(folder / "empty.duckdb", migrations, views)
    )
    return made / "empty.duckdb"


@contextmanager
def make_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Make the present tables and views in memory while the block runs, with answers in UTC."""
    name = f"tables_{next(_NUMBERS)}"
    with _start_duckdb().cursor() as tables:
        tables.execute("SET TimeZone = 'UTC'")
        tables.execute(f"ATTACH {quote_sql(str(find_template()))} AS template (READ_ONLY)")
        tables.execute(f"ATTACH ':memory:' AS {name}")
        tables.execute(f"COPY FROM DATABASE template TO {name}")
        tables.execute("DETACH template")
        tables.execute(f"USE {name}")
        yield tables
    _start_duckdb().execute(f"DETACH {name}")


@cache
def _start_duckdb() -> duckdb.DuckDBPyConnection:
    """Start a DuckDB for all tables of this process, since that takes longer than making them."""
    return duckdb.connect()
