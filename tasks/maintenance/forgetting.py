"""Forgets rows: deletes their texts and scores from the database and records in `forgotten_rows` that they existed.

The database file is rewritten, since the bytes of deleted rows would stay in it until they are overwritten. Backups
and source files are not changed. `list_present` finds the source files, so that the user can delete them.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from data_contracts.errors import ContractError, UsageError
from data_contracts.storage.durable import remove_leftovers
from data_contracts.storage.home import Home
from tasks.inbox.source_files import SourceFile, hash_file, look_into
from tasks.maintenance.forgotten_record import compare_record, load_records, write_record
from tasks.pages.formatting import cut_name
from tasks.support.wording import count
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.rewriting import name_rewrite_mark
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.forgotten_rows import ADD_OTHER_READINGS, ADD_TRACE, LIST_TEXTS, delete_rows
from tasks.warehouse.row_names import CONTENT, DIGITS_SHOWN, HAS_NAME, ROW_NAME, ROWS_CHOSEN, SUPERSEDED

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = {
    "review": "review_id = $name",
    "movie": "movie_id = $name",
    "file": "length($name) >= 12 AND starts_with(source_sha256, $name)",
    "text": "text_sha256 = $name",
    "row": HAS_NAME,
}
"""The kinds of names, and the SQL condition that selects the rows named `$name`; `row` is the row name."""
_NOT_IN_QUARANTINE = "text"
"""The kind by which quarantined rows can't be named: they have no `text_sha256`."""

_FIND = """
SELECT source_sha256, row_number, false AS was_quarantined, true AS is_named FROM source_reviews WHERE {condition}
"""
_FIND_QUARANTINED = """
UNION ALL SELECT source_sha256, row_number, released_at IS NULL, true FROM quarantined_rows WHERE {condition}
"""
_FIND_ROWS = """
CREATE OR REPLACE TEMP TABLE rows_to_forget AS
SELECT
    found.*, files.rows_read, files.rows_chosen, files.bytes, $reason::VARCHAR AS reason,
    $by::VARCHAR AS forgotten_by, now() AS forgotten_at
FROM ({found}) AS found LEFT JOIN (
    SELECT source_sha256, max(rows_read) AS rows_read, max({chosen}) AS rows_chosen, max(bytes) AS bytes
    FROM scored_files WHERE status = 'scored' GROUP BY ALL
) AS files USING (source_sha256)
"""
_FIND_REMEMBERED = """
CREATE OR REPLACE TEMP TABLE rows_to_forget AS
SELECT * REPLACE (coalesce(is_named, true) AS is_named) FROM ({remembered})
ANTI JOIN forgotten_rows USING (source_sha256, row_number)
"""
_COUNT = f"""
SELECT count(*), count(*) FILTER (was_quarantined) FROM (
    SELECT {CONTENT}, row_number, bool_and(was_quarantined) AS was_quarantined FROM rows_to_forget
    WHERE is_named GROUP BY ALL
)
"""  # noqa: S608
_COUNT_EARLIER = """
SELECT count(*) FROM (
    SELECT source_sha256, row_number FROM rows_to_forget GROUP BY ALL HAVING NOT bool_or(is_named)
)
"""
_LIST_FILES = """
SELECT DISTINCT uri FROM scored_files SEMI JOIN rows_to_forget USING (source_sha256)
UNION SELECT DISTINCT uri FROM inbox_files SEMI JOIN rows_to_forget USING (source_sha256) ORDER BY uri
"""
_LIST_SOURCES = f"""
SELECT DISTINCT {CONTENT}, bytes FROM scored_files SEMI JOIN rows_to_forget USING (source_sha256)
WHERE bytes IS NOT NULL ORDER BY ALL
"""  # noqa: S608
# Of the readings that count: an earlier reading of a file may have named no movie, or another one.
_LIST_REVIEWS = f"""
SELECT movie_id, {ROW_NAME} AS row FROM source_reviews
WHERE review_id = $name AND source_sha256 NOT IN {SUPERSEDED}
UNION SELECT movie_id, {ROW_NAME} FROM quarantined_rows
WHERE review_id = $name AND released_at IS NULL AND source_sha256 NOT IN {SUPERSEDED}
ORDER BY movie_id NULLS LAST, row
"""  # noqa: S608 (our own names)
_ROWS_NAMED, _MOVIE_CHARS = 10, 40
NAME_SHOWN = 100
"""Most characters of a name that a message shows."""
_LOOK_IT_UP = (
    "look it up: `reviews sql find-review --param words=WORDS` finds reviews by words of their text, and "
    '`reviews sql "select uri, source_sha256 from scored_files"` has the files, which are named by their sha256'
)
_COUNT_UNNAMED = """
SELECT count(*) FROM quarantined_rows WHERE review_id IS NULL AND raw IS NOT NULL
AND contains(lower(raw::VARCHAR), lower(encode($name)::VARCHAR))
"""
# Values of columns that are none of the rows', or in doubt.
_FIND_IN_EXTRA = f"""
SELECT count(*), min(row, {_ROWS_NAMED}) FROM (
    SELECT {ROW_NAME} AS row, extra, source_sha256 FROM source_reviews
    UNION ALL SELECT {ROW_NAME}, extra, source_sha256 FROM quarantined_rows WHERE released_at IS NULL
) WHERE list_contains(json_extract_string(extra, '$..*'), $name) AND source_sha256 NOT IN {SUPERSEDED}
"""  # noqa: S608 (our own names)
# A file is named by its sha256, since one name may stand for other bytes on another day.
_FIND_FILES = f"""
WITH names AS (
    SELECT uri, {CONTENT} AS content FROM scored_files UNION SELECT uri, source_sha256 FROM inbox_files
),
kept AS (
    SELECT {CONTENT} AS content
    FROM (SELECT source_sha256 FROM source_reviews UNION ALL SELECT source_sha256 FROM quarantined_rows)
)
SELECT list(DISTINCT '`reviews forget ' || left(content, {DIGITS_SHOWN}) || '` forgets ' || uri)
FROM names SEMI JOIN kept USING (content) WHERE uri IN ($name, $path) OR ends_with(uri, '/' || $name)
"""  # noqa: S608 (our own names)


@dataclass(frozen=True)
class ForgetRequest:
    """The arguments of `reviews forget`: what to forget, and what the table forgotten_rows records of it."""

    name: str
    """A review_id, a movie_id, the beginning of a sha256 (of a file or text), or a row name."""
    kind: str | None
    """'review', 'movie', 'file', 'text' or 'row'; None if the database shows which of these `name` is."""
    by: str
    """Who asks for it."""
    reason: str | None = None


@dataclass(frozen=True)
class Forgotten:
    """The rows that were forgotten, or that would be."""

    kind: str
    """One of `KINDS`."""
    rows: int
    rows_quarantined: int
    """Those of `rows` that were quarantined and not released."""
    files: tuple[str, ...]
    """The uris under which the source files of the rows were seen."""
    sources: tuple[tuple[str, int], ...] = ()
    """(sha256, size in bytes) of those source files."""
    rows_of_earlier: int = 0
    """Rows besides, of earlier readings of these files in which it is not known which rows these are: all of them."""
    texts: frozenset[str] = frozenset()
    """The sha256 of the texts of the rows, once they are forgotten."""


def find_forgettable(warehouse: Path, name: str, kind: str | None) -> Forgotten:
    """Return the rows that `name` selects, as a name of `kind` or, if that is None, of the only kind that matches.

    Raises `UsageError` for no name, no rows, rows of several kinds or, if `kind` is None, reviews of several movies.
    """
    if not name.strip():
        raise UsageError(
            "NAME is empty. Next: name a review, a movie, a file, a text or "
            "a row; a row's name, such as 3fa94c12ab07:17, does for each review."
        )
    with open_warehouse(warehouse, write=False) as connection:
        requests = [ForgetRequest(name, each, "") for each in ([kind] if kind else KINDS)]
        by_kind = {str(each.kind): _select_rows(connection, each) for each in requests}
    matches = [each for each in by_kind.values() if each.rows]
    if not matches:
        advice = _advise_on(warehouse, name)
        raise UsageError(
            f"{cut_name(name, NAME_SHOWN)!r}: no row has it as {' or '.join(by_kind)}. Next: {advice}."
        )
    if len(matches) > 1:
        kinds = " and of a ".join(each.kind for each in matches)
        raise UsageError(
            f"{cut_name(name, NAME_SHOWN)!r} is the name of a {kinds}. Next: choose one with --as."
        )
    if kind is None and matches[0].kind == "review":
        _require_one_movie(warehouse, name)
    return matches[0]


def _advise_on(warehouse: Path, name: str) -> str:
    """Return what to do about a name that no row has: look at the rows that have it elsewhere, and name those."""
    with open_warehouse(warehouse, write=False) as connection:
        [(kept, rows)] = connection.execute(_FIND_IN_EXTRA, {"name": name}).fetchall()
        [(unnamed,)] = connection.execute(_COUNT_UNNAMED, {"name": name}).fetchall()
        path = str(Path(name).absolute()).removeprefix(f"{Home(warehouse.parent).inbox}/")
        [(files,)] = connection.execute(_FIND_FILES, {"name": name, "path": path}).fetchall()
    steps = []
    if files:
        steps.append(f"a file is named by its sha256: {_list_first(sorted(files), len(files))}")
    if kept:
        named = _list_first(rows, kept)
        steps.append(f"give each row that is meant as NAME, of those that have it in `extra`: {named}")
    if unnamed:
        steps.append(
            f"look at `reviews quarantine list`, since the bytes of {count(unnamed, 'quarantined row')} without a "
            "review id contain it, and forget such rows by their row names, such as 3fa94c12ab07:17"
        )
    return "; ".join(steps) or _LOOK_IT_UP


def _list_first(rows: Sequence[str], total: int) -> str:
    """Return the first of `total` rows in one line, with the number of the others."""
    more = f" and {total - _ROWS_NAMED:,} more" if total > _ROWS_NAMED else ""
    return ", ".join(rows[:_ROWS_NAMED]) + more


def _require_one_movie(warehouse: Path, name: str) -> None:
    """Raise `UsageError` if a review id stands for reviews of several movies, of which one may be meant."""
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(_LIST_REVIEWS, {"name": name}).fetchall()
    if len({movie for movie, _ in rows}) < 2:
        return
    named = [
        f"{row} ({'no movie' if movie is None else f'movie {cut_name(movie, _MOVIE_CHARS)!r}'})"
        for movie, row in rows
    ]
    raise UsageError(
        f"{cut_name(name, NAME_SHOWN)!r} is the id of reviews of several movies: {_list_first(named, len(named))}. "
        "Next: give each row that is meant as NAME, or all of them with --as review."
    )


def forget(warehouse: Path, request: ForgetRequest, kind: str) -> Forgotten:
    """Delete every row that the request's name, of this kind, selects; record its trace in the same transaction.

    The home's record has it before that is committed: a run goes on with what it says after a kill in between.
    The bytes stay in the file until it is rewritten. A mark makes sure of that: the caller deletes other copies of the
    rows, then calls `rewrite_warehouse`, which removes the mark. If it is killed before, the next run does both.
    """
    name_rewrite_mark(warehouse).touch()
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        forgotten = _select_rows(connection, replace(request, kind=kind))
        connection.execute(ADD_TRACE)
        delete_rows(connection)
        texts = frozenset(text for (text,) in connection.execute(LIST_TEXTS).fetchall())
        write_record(connection, Home(warehouse.parent).forgotten)
    return replace(forgotten, texts=texts)


def finish_forgetting(home: Home) -> bool:
    """Forget what the home remembers and its database does not, as after a kill or without its past, and vice versa.

    Return whether backups are to be told, or rows are still to be deleted from the file and all copies (by a mark).
    """
    missing, unwritten = compare_record(home)
    if missing:
        name_rewrite_mark(home.warehouse).touch()
    if missing or unwritten:
        forget_again(home.warehouse, home.forgotten, [])
    return bool(unwritten) or name_rewrite_mark(home.warehouse).exists()


def forget_again(warehouse: Path, record: Path, others: Sequence["Path | pa.Table"]) -> bool:
    """Forget the rows of a record, and of other records and tables like `forgotten_rows`, in a database without them.

    Then the record has all of them. Return whether any were new to the database: then it is to be rewritten.
    """
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        remembered = load_records(connection, [record, *others])
        [(new,)] = connection.execute(_FIND_REMEMBERED.format(remembered=remembered)).fetchall()
        if new:
            connection.execute(ADD_OTHER_READINGS).fetchall()
            connection.execute(ADD_TRACE).fetchall()
            delete_rows(connection)
        write_record(connection, record)
    return bool(new)


def _select_rows(connection: duckdb.DuckDBPyConnection, request: ForgetRequest) -> Forgotten:
    """Count the rows that a request's name selects, and store their keys in the temporary table `rows_to_forget`."""
    kind = str(request.kind)
    query = _FIND.format(condition=KINDS[kind])
    if kind != _NOT_IN_QUARANTINE:
        query += _FIND_QUARANTINED.format(condition=KINDS[kind])
    values = {"name": request.name, "reason": request.reason, "by": request.by}
    connection.execute(_FIND_ROWS.format(found=query, chosen=ROWS_CHOSEN), values)
    connection.execute(ADD_OTHER_READINGS)
    rows, quarantined = connection.execute(_COUNT).fetchall()[0]
    [(of_earlier,)] = connection.execute(_COUNT_EARLIER).fetchall()
    files = tuple(uri for (uri,) in connection.execute(_LIST_FILES).fetchall())
    sources = tuple(connection.execute(_LIST_SOURCES).fetchall())
    return Forgotten(kind, int(rows), int(quarantined), files, sources, int(of_earlier))


def list_present(forgotten: Forgotten, home: Home) -> list[Path]:
    """Return the source files of forgotten rows, and copies of them, in the inbox and the folders of scored files."""
    days = sorted(path for path in home.scored.glob("*") if path.is_dir())
    places = [home.inbox, *days]
    named = [place / uri for uri in forgotten.files for place in places]
    renamed = [  # when they were moved
        path
        for uri in forgotten.files
        for day in days
        for path in (day / uri).parent.glob(f"????????????-{Path(uri).name}")
    ]
    sizes, hashes = {size for _, size in forgotten.sources}, {source for source, _ in forgotten.sources}
    alike = [hash_file(file) for place in places for file in look_into(place).files if file.size in sizes]
    copies = [each.path for each in alike if isinstance(each, SourceFile) and each.source_sha256 in hashes]
    there = [path for path in (*named, *renamed) if os.path.lexists(path)]
    return list(dict.fromkeys([*there, *copies]))


def commit_waiting(home: Home) -> None:
    """Commit the leftover parts of a killed run, so that their rows can be forgotten too; delete broken parts.

    The caller must hold the lock on the folder of parts. The next run scores the files of deleted parts again.
    What a killed run left of the shadow's scores is deleted too.
    """
    from tasks.scoring.part_folders import find_waiting

    remove_leftovers(home.shadow)

    for part in find_waiting(home.parts, lambda part, trouble: None):
        with suppress(ContractError):
            commit_parts(home.warehouse, part)
        shutil.rmtree(part)
