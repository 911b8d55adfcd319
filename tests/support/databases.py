"""Creates databases for tests as copies of a template, since creating the tables takes a tenth of a second."""

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from data_contracts.storage.durable import write_whole
from data_contracts.warehouse import Migration, list_migrations, read_views
from tasks.warehouse import connection
from tests.support.once import make_once

create_tables = connection._create
"""What makes a database anew."""


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
