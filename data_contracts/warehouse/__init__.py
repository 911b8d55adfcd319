"""The warehouse's DDL, in SQL files in this folder: numbered migrations, each applied once, and the views.

To change a table, add a migration, whose file begins with the next number. Statements of released migrations never
change. The numbers between that of 0.1.0 and that of 0.2.0 were steps that no release had.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

VIEWS_FILE, COMPARISON_FILE = "views.sql", "shadow_comparison.sql"


@dataclass(frozen=True)
class Migration:
    """One numbered step from an empty database to the current tables."""

    version: int
    name: str
    sql: str


@cache
def list_migrations() -> tuple[Migration, ...]:
    """Read the migrations in the order of their numbers."""
    paths = sorted(Path(__file__).parent.glob("[0-9]*_*.sql"))
    return tuple(
        Migration(int(path.stem.split("_")[0]), path.stem, path.read_text("utf-8")) for path in paths
    )


@cache
def read_views() -> str:
    """Read the statements that create or replace every view."""
    return Template(_read(VIEWS_FILE)).substitute(shadow_comparison=read_shadow_comparison())


def read_shadow_comparison() -> str:
    """Read the query of the view `shadow_comparison`, which is asked of fewer rows too."""
    return _read(COMPARISON_FILE).rstrip()


def _read(name: str) -> str:
    """Return the text of a file in this folder."""
    return Path(__file__).with_name(name).read_text("utf-8")
