"""The warehouse's DDL, in SQL files in this folder: numbered migrations, each applied once, and the views.

To change a table, add a migration, `0002_what_it_does.sql` and so on. Statements of released migrations never change.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VIEWS_FILE = "views.sql"


@dataclass(frozen=True)
class Migration:
    """One numbered step from an empty database to the current tables."""

    version: int
    name: str
    sql: str


@cache
def list_migrations() -> tuple[Migration, ...]:
    """Read the migrations in the order of their numbers, from 1 on."""
    paths = sorted(Path(__file__).parent.glob("[0-9]*_*.sql"))
    return tuple(
        Migration(int(path.stem.split("_")[0]), path.stem, path.read_text("utf-8")) for path in paths
    )


@cache
def read_views() -> str:
    """Read the statements that create or replace every view."""
    return Path(__file__).with_name(VIEWS_FILE).read_text("utf-8")


def read_view(name: str) -> str:
    """Read the query of a view."""
    [query] = re.findall(
        rf"^CREATE OR REPLACE VIEW {name} AS\n(.*?);$", read_views(), re.MULTILINE | re.DOTALL
    )
    return str(query)
