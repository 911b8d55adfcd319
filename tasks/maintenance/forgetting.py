"""Forgetting: a writer's text and scores leave the database, its copy and the waiting parts; a trace stays.

The database file is written anew, since a deleted row's bytes would stay in it until something else needs their
place. Backups and the files that the rows came from are not ours to change: the answer names them.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from data_contracts.errors import ContractError, UsageError, WarehouseError
from data_contracts.storage.home import Home
from tasks.inbox.source_files import SourceFile, hash_file, look_into
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.connection import begin_transaction, name_rewrite_mark, open_warehouse, rewrite_warehouse
from tasks.warehouse.row_names import HAS_NAME

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = {
    "review": "review_id = $name",
    "movie": "movie_id = $name",
    "file": "length($name) >= 12 AND starts_with(source_sha256, $name)",
    "text": "text_sha256 = $name",
    "row": HAS_NAME,
}
"""What a name may be of, and the rows that it means; a row's name is that of `reviews quarantine list`."""
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
_LIST_SOURCES = """
SELECT DISTINCT source_sha256, bytes FROM scored_files SEMI JOIN doomed USING (source_sha256)
WHERE bytes IS NOT NULL ORDER BY ALL
"""
_COUNT_UNNAMED = """
SELECT count(*) FROM quarantined_rows WHERE review_id IS NULL AND raw IS NOT NULL
AND contains(lower(raw::VARCHAR), lower(encode($name)::VARCHAR))
"""
# What was forgotten in one database, in another that was made before.
_FORGET_AGAIN = """
INSERT INTO forgotten_rows SELECT * FROM traces ON CONFLICT DO NOTHING
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
    sources: tuple[tuple[str, int], ...] = ()
    """Those files by content: sha256 and size in bytes."""


def find_forgettable(warehouse: Path, name: str, kind: str | None) -> Forgotten:
    """Tell what `name` means and how much there is of it; raises `UsageError` where it means nothing, or several."""
    with open_warehouse(warehouse, write=False) as connection:
        found = {each: _count(connection, each, name) for each in ([kind] if kind else KINDS)}
    fitting = [each for each in found.values() if each.rows]
    if not fitting:
        with open_warehouse(warehouse, write=False) as connection:
            [(unnamed,)] = connection.execute(_COUNT_UNNAMED, {"name": name}).fetchall()
        advice = "look it up with `reviews sql`, in source_reviews"
        if unnamed:
            advice = (
                f"{unnamed:,} of the rows that were set aside have no id and hold it in their bytes: look at them with "
                "`reviews quarantine list` and forget them by their names there, such as 3fa94c12ab07:17"
            )
        raise UsageError(f"{name!r}: no row has it as {' or '.join(found)}. Next: {advice}.")
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
        _delete(connection, "doomed")
    rewrite_warehouse(warehouse)
    return forgotten


def _delete(connection: duckdb.DuckDBPyConnection, keys: str) -> None:
    """Delete the rows whose keys are in the table `keys` from every table that holds texts or scores."""
    for table in ("source_reviews", "scored_reviews", "quarantined_rows"):
        connection.execute(
            f"DELETE FROM {table} AS rows USING {keys} AS keys WHERE rows.source_sha256 = keys.source_sha256 "  # noqa: S608
            "AND rows.row_number = keys.row_number"
        ).fetchall()


def read_traces(warehouse: Path) -> "pa.Table | None":
    """Read what was forgotten; None where the database can't tell any more."""
    try:
        with open_warehouse(warehouse, write=False) as connection:
            return connection.sql("FROM forgotten_rows").to_arrow_table()
    except WarehouseError:
        return None


def forget_again(warehouse: Path, traces: "pa.Table") -> None:
    """Forget in an older copy of the database what was forgotten since."""
    if not len(traces):
        return
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.register("traces", traces)
        connection.execute(_FORGET_AGAIN).fetchall()
        _delete(connection, "traces")
    rewrite_warehouse(warehouse)


def _count(connection: duckdb.DuckDBPyConnection, kind: str, name: str) -> Forgotten:
    """Find the rows that `name` means and keep their keys in the temporary table `doomed`."""
    query = _FIND.format(condition=KINDS[kind])
    if kind != _QUARANTINE_HAS_NO:
        query += _FIND_QUARANTINED.format(condition=KINDS[kind])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE doomed AS {query}", {"name": name})
    rows, quarantined = connection.execute(_COUNT).fetchall()[0]
    files = tuple(uri for (uri,) in connection.execute(_LIST_FILES).fetchall())
    sources = tuple(connection.execute(_LIST_SOURCES).fetchall())
    return Forgotten(kind, int(rows), int(quarantined), files, sources)


def list_present(forgotten: Forgotten, home: Home) -> list[Path]:
    """Give the files that rows came from where they were seen or where scored files go, and all copies there."""
    days = sorted(path for path in home.scored.glob("*") if path.is_dir())
    named = _list_named(forgotten.files, home.inbox, days)
    copies = [path for place in (home.inbox, *days) for path in _list_copies(forgotten.sources, place)]
    return list(dict.fromkeys([*named, *copies]))


def _list_copies(sources: Sequence[tuple[str, int]], place: Path) -> list[Path]:
    """Give the files of a folder, under whatever name, that hold what one of the sources held."""
    sizes, hashes = {size for _, size in sources}, {source for source, _ in sources}
    alike = [hash_file(file) for file in look_into(place).files if file.size in sizes]
    return [each.path for each in alike if isinstance(each, SourceFile) and each.source_sha256 in hashes]


def _list_named(files: Sequence[str], inbox: Path, days: Sequence[Path]) -> list[Path]:
    places = [inbox, *days]
    named = [place / uri for uri in files for place in places]
    renamed = [
        path
        for uri in files
        for day in days
        for path in (day / uri).parent.glob(f"????????????-{Path(uri).name}")
    ]
    return [path for path in (*named, *renamed) if os.path.lexists(path)]


def commit_waiting(home: Home) -> None:
    """Commit the parts that a killed run left, so that what is in them can be forgotten too; drop broken ones.

    The caller holds the folder of parts. The files of what is dropped are scored anew by the next run.
    """
    from tasks.scoring.parts import find_waiting

    for part in find_waiting(home.parts, lambda part, trouble: None):
        with suppress(ContractError):
            commit_parts(home.warehouse, part)
        shutil.rmtree(part)
