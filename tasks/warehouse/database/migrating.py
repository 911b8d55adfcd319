"""Creates the database by its migrations, and applies those that an older one lacks."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseError
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from data_contracts.warehouse import Migration
from tasks.support.locking import hold_folder
from tasks.warehouse.database.duckdb_engine import STORAGE_VERSION, attach, begin_transaction
from tasks.warehouse.latest_scores import rebuild

LAST_WITH_ALL_STEPS = "ad61a43e"
"""The last commit that knew each step between the tables of 0.1.0 and those of version 29."""


def create_if_missing(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Create the database under a temporary name and rename it when it is complete, one process at a time."""
    if path.exists():
        return
    require_no_reader(path)
    try:
        make_folder(path.parent)
        with hold_folder(path.parent):
            if not path.exists():
                _create(path, migrations, views)
    except OSError as error:
        raise WarehouseError(
            f"{path}: can't be created ({error.strerror or error}). Next: make its folder writable."
        ) from error


def _create(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Create the warehouse by its migrations."""
    # DuckDB would apply a log that is left of an earlier database to the new one.
    name_log(path).unlink(missing_ok=True)
    with (
        write_whole(path) as building,
        attach(building, f"STORAGE_VERSION '{STORAGE_VERSION}'") as connection,
    ):
        bring_up_to_date(connection, migrations, views)
        connection.execute("CHECKPOINT")  # or raise: the log would keep the temporary name


def bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration], views: str
) -> None:
    """Apply the missing migrations, and recreate the views if their SQL has changed: completely, or not at all.

    What the program keeps up to date from other rows is then made anew. Raises `WarehouseError` if a newer version of
    this program, one that was never released, or another program made the database.
    """
    version, views_sha256 = read_state(connection)
    latest = migrations[-1].version
    if version > latest:
        raise WarehouseError(
            f"The database has tables of version {version}, this program knows {latest} at most: a newer version "
            "made them. Next: update this program, or `reviews restore` an older backup."
        )
    if version not in {0, *(migration.version for migration in migrations)}:
        raise WarehouseError(
            f"The database has tables of version {version}, which no release of this program had. Next: open it with "
            f"commit {LAST_WITH_ALL_STEPS} of this program, by any command, and then with this one."
        )
    if version == latest and views_sha256 == digest_views(views):
        return
    with begin_transaction(connection):
        for migration in migrations:
            if migration.version > version:
                connection.execute(migration.sql)
                row = [migration.version, migration.name]
                connection.execute("INSERT INTO schema_migrations VALUES (?, ?, now(), NULL)", row)
        if 0 < version < latest:
            rebuild(connection)
        connection.execute(views)
        row = [digest_views(views), latest]
        connection.execute("UPDATE schema_migrations SET views_sha256 = ? WHERE version = ?", row)


def read_state(connection: duckdb.DuckDBPyConnection) -> tuple[int, str | None]:
    """Return the version of the last migration, 0 for an empty database, and the digest of the SQL of its views.

    Raises `WarehouseError` if another program made the database.
    """
    try:
        found = connection.execute("SELECT version, views_sha256 FROM schema_migrations").fetchall()
    except duckdb.CatalogException:
        query = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY ALL"
        if tables := [name for (name,) in connection.execute(query).fetchall()]:
            raise WarehouseError(
                f"The database has tables ({', '.join(tables[:5])}) but no table schema_migrations: another "
                "program made it. Next: move it elsewhere; a new one is created in its place."
            ) from None
        return 0, None
    return max(found, default=(0, None))


@cache
def digest_views(views: str) -> str:
    """Return the digest of the SQL of the views, by which an opened warehouse is known to be up to date."""
    return sha256(views.encode()).hexdigest()


def require_no_reader(path: Path) -> None:
    """Raise `WarehouseError` if the home has no database at `path` and only reads the copy of a store."""
    fetched = Home(path.parent).fetched
    if fetched.exists() and not path.exists():
        raise WarehouseError(
            f"{path.parent}: only reads the copy of a store, so nothing is scored or kept here. Next: do that in the "
            "home that publishes there, or in another folder (REVIEWS_HOME). Without the folder "
            f"{fetched.parent} this one begins a database of its own."
        )


def name_log(path: Path) -> Path:
    """Return the path of DuckDB's write-ahead log of the database at `path`."""
    return path.with_name(f"{path.name}.wal")
