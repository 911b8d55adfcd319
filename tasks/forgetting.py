"""Forgetting: a writer's text and scores leave the database, its copy and the waiting parts; a trace stays.

The database file is written anew, since a deleted row's bytes would stay in it until something else needs their
place. Backups and the files that the rows came from are not ours to change: the answer names them.
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data_contracts.errors import ContractError, UsageError, WarehouseError
from tasks.commit import commit_parts
from tasks.warehouse import begin_transaction, name_rewrite_mark, open_warehouse, rewrite_warehouse

KINDS = {
    "review": "review_id = $name",
    "movie": "movie_id = $name",
    "file": "source_sha256 = $name",
    "text": "text_sha256 = $name",
}
"""What a name may be of, and the rows that it means."""
_QUARANTINE_HAS_NO = "text"

_FIND = """
SELECT source_sha256, row_number, false AS was_quarantined FROM source_reviews WHERE {condition}
"""
_FIND_QUARANTINED = """
UNION ALL SELECT source_sha256, row_number, released_at IS NULL FROM quarantined_rows WHERE {condition}
"""
_COUNT = """
SELECT count(*), count(*) FILTER (was_quarantined) FROM
(SELECT source_sha256, row_number, bool_or(was_quarantined) AS was_quarantined FROM doomed GROUP BY ALL)
"""
_LIST_FILES = """
SELECT DISTINCT uri FROM scored_files SEMI JOIN doomed USING (source_sha256)
UNION SELECT DISTINCT uri FROM inbox_files SEMI JOIN doomed USING (source_sha256) ORDER BY uri
"""
_TRACE = """
INSERT INTO forgotten_rows
SELECT source_sha256, row_number, bool_or(was_quarantined), $reason, $by, now() FROM doomed GROUP BY ALL
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Forgotten:
    """What is, or would be, forgotten."""

    kind: str
    rows: int
    of_those_quarantined: int
    files: tuple[str, ...]
    """The files that the rows came from, by the names under which they were seen."""


def find_forgettable(warehouse: Path, name: str, kind: str | None) -> Forgotten:
    """Tell what `name` means and how much there is of it; raises `UsageError` where it means nothing, or several."""
    if not warehouse.exists():
        raise WarehouseError(f"{warehouse}: there is no database yet, so there is nothing to forget.")
    with open_warehouse(warehouse, write=False) as connection:
        found = {each: _count(connection, each, name) for each in ([kind] if kind else KINDS)}
    fitting = [each for each in found.values() if each.rows]
    if not fitting:
        raise UsageError(
            f"{name!r}: no row has it as {' or '.join(found)}. Next: look it up with `reviews sql`, in source_reviews."
        )
    if len(fitting) > 1:
        kinds = " and ".join(each.kind for each in fitting)
        raise UsageError(f"{name!r} is the name of a {kinds}. Next: say which with --as.")
    return fitting[0]


def forget(warehouse: Path, name: str, kind: str, forgotten_by: str, reason: str | None) -> Forgotten:
    """Delete every row that `name` means in one transaction, leave its trace, and write the database file anew."""
    name_rewrite_mark(warehouse).touch()
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        forgotten = _count(connection, kind, name)
        connection.execute(_TRACE, {"reason": reason, "by": forgotten_by})
        for table in ("source_reviews", "scored_reviews", "quarantined_rows"):
            connection.execute(
                f"DELETE FROM {table} AS rows USING doomed WHERE rows.source_sha256 = doomed.source_sha256 "  # noqa: S608
                "AND rows.row_number = doomed.row_number"
            ).fetchall()
    rewrite_warehouse(warehouse)
    return forgotten


def _count(connection: duckdb.DuckDBPyConnection, kind: str, name: str) -> Forgotten:
    """Find the rows that `name` means and keep their keys in the temporary table `doomed`."""
    query = _FIND.format(condition=KINDS[kind])
    if kind != _QUARANTINE_HAS_NO:
        query += _FIND_QUARANTINED.format(condition=KINDS[kind])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE doomed AS {query}", {"name": name})
    rows, quarantined = connection.execute(_COUNT).fetchall()[0]
    files = tuple(uri for (uri,) in connection.execute(_LIST_FILES).fetchall())
    return Forgotten(kind, int(rows), int(quarantined), files)


def list_present(files: tuple[str, ...], inbox: Path) -> list[Path]:
    """Give those of the files that are still where they were seen."""
    return [path for path in (inbox / uri for uri in files) if os.path.lexists(path)]


def commit_waiting(parts_dir: Path, warehouse: Path) -> None:
    """Commit the parts that a killed run left, so that what is in them can be forgotten too; drop damaged ones.

    The caller holds `parts_dir`.
    """
    from tasks.scoring import is_undamaged

    for part in sorted(path for path in parts_dir.glob("*") if path.is_dir()):
        with suppress(ContractError):
            if not part.name.startswith(".") and is_undamaged(part):
                commit_parts(warehouse, part)
        shutil.rmtree(part)
