"""Exports: scored reviews as Parquet or CSV in a folder a day, once each, however often and whenever killed.

A row of an export is a row of `scored_reviews`, one per source row per model, with what its file said. Such rows are
only ever added, so what is new is known by keys and not by a clock: the ledger in the folder has every
(day, source_sha256, model_id, run_id) that was exported, and the names of the files that belong there. Writing it is
the commit. Files are written under temporary names before that and renamed after it; whoever comes next finishes
the renaming, or removes what no ledger knows.

Reads the published copy, some thousand rows at a time. Needs pyarrow, for Parquet alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.durable import make_durable, make_folder, move_all, remove_leftovers
from data_contracts.storage.faults import pass_fault_point
from tasks.queries.export_ledger import (
    LEDGER,
    ExportFormat,
    Key,
    Ledger,
    are_all_among,
    read_ledger,
    write_ledger,
)
from tasks.queries.formats import format_answer
from tasks.support.locking import hold_folder, refuse_to_wait
from tasks.warehouse.published import open_published, require_published

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "csv")
CHUNK_ROWS = 10_000
"""Source rows that are in memory at a time."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for a formula by."""
_FILE_NAME = re.compile(r"(\.?)(reviews-\d{6}\.(?:parquet|csv))(\.tmp)?")

_LIST_KEYS = """
SELECT
    (scored_at AT TIME ZONE 'UTC')::DATE::VARCHAR AS day, source_sha256, model_id, coalesce(run_id, '') AS run_id,
    count(*) AS rows
FROM scored_reviews GROUP BY ALL
"""
_LIST_ROWS = """
WITH keyed AS (
    SELECT
        (scored_at AT TIME ZONE 'UTC')::DATE::VARCHAR AS day, source_sha256, model_id, coalesce(run_id, '') AS run_id,
        row_number
    FROM scored_reviews
), placed AS (
    SELECT keyed.*, row_number - row_number() OVER of_key AS gap
    FROM keyed SEMI JOIN wanted USING (day, source_sha256, model_id, run_id)
    WINDOW of_key AS (PARTITION BY day, source_sha256, model_id, run_id ORDER BY row_number)
), ranges AS (
    SELECT day, source_sha256, model_id, run_id, min(row_number) AS first, max(row_number) AS last
    FROM placed GROUP BY day, source_sha256, model_id, run_id, gap
)
SELECT
    day, source_sha256, model_id, run_id,
    string_agg(if(first = last, first::VARCHAR, first || '-' || last), ',' ORDER BY first)
FROM ranges GROUP BY day, source_sha256, model_id, run_id
"""
_KEEP_WANTED = """
CREATE OR REPLACE TEMP TABLE wanted AS SELECT
    unnest($days::VARCHAR[]) AS day, unnest($sources::VARCHAR[]) AS source_sha256,
    unnest($models::VARCHAR[]) AS model_id, unnest($runs::VARCHAR[]) AS run_id
"""
_LIST_CHUNKS = """
SELECT DISTINCT review.rowid // $rows AS chunk FROM source_reviews AS review
SEMI JOIN (SELECT source_sha256 FROM wanted WHERE day = $day) AS asked USING (source_sha256) ORDER BY chunk
"""
_READ_CHUNK = """
SELECT
    review.source_sha256, review.row_number, review.review_id, review.movie_id, {reviewed_at} AS reviewed_at,
    review.given_label, review.given_rating, scored.model_id, scored.score, scored.sentiment,
    scored.predicted_rating, scored.token_count, scored.oov_rate, scored.truncated, {scored_at} AS scored_at,
    scored.run_id, files.uri, review.member{text}
FROM (SELECT rowid AS position, * FROM source_reviews WHERE rowid BETWEEN $first AND $last) AS review
JOIN scored_reviews AS scored USING (source_sha256, row_number)
JOIN wanted ON wanted.day = $day AND wanted.source_sha256 = scored.source_sha256
    AND wanted.model_id = scored.model_id AND wanted.run_id = coalesce(scored.run_id, '')
LEFT JOIN scored_files AS files
    ON files.source_sha256 = scored.source_sha256 AND files.model_id = scored.model_id
WHERE (scored.scored_at AT TIME ZONE 'UTC')::DATE = $day::DATE
ORDER BY review.position, scored.model_id
"""
_LIST_FORGOTTEN = "SELECT row_number FROM forgotten_rows WHERE source_sha256 = ?"

StartProgress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
Answers = Iterator[duckdb.DuckDBPyRelation]
"""A chunk of rows each, to be fetched before the next is asked for."""


@dataclass(frozen=True)
class ExportRequest:
    """Which rows to export, and how; a format that is not named is the folder's own, or the default."""

    form: str | None = None
    no_text: bool = False
    raw: bool = False
    since: date | None = None
    """The first day, in UTC, whose scores are exported."""
    only_new: bool = False
    """Add the rows that are not yet there, instead of replacing all that earlier exports wrote."""


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    rows: int
    files: int
    """One a day."""
    bytes: int
    export_format: ExportFormat


def export_reviews(
    published: Path,
    folder: Path,
    request: ExportRequest,
    start_progress: StartProgress = lambda total: nullcontext(lambda amount: None),
) -> Exported:
    """Export scored rows to `folder`.

    `start_progress` takes the number of rows and returns the function that is called with those done. Raises
    `UsageError` where the folder can't take them.
    """
    require_published(published)
    make_folder(folder, mode=0o700)
    with hold_folder(folder, refuse_to_wait):
        before = settle(folder)
        held = before if request.only_new and before else None
        start = Ledger(before.number if before else 0, _choose_format(folder, request, held), (), {})
        start = replace(start, files=held.files, keys=held.keys) if held else start
        try:
            done, after = _write_files(published, folder, start, request.since, start_progress)
            if after.keys != start.keys or not held:
                pass_fault_point("export: before ledger")
                write_ledger(folder, after)
        finally:
            settle(folder)
    return done


def holds_export(folder: Path) -> bool:
    """Tell whether there is an export in `folder`."""
    return (folder / LEDGER).is_file()


def settle(folder: Path) -> Ledger | None:
    """Let `folder` hold what its ledger says: finish what was committed, remove what was not; give the ledger.

    Files that the ledger names and that are gone were taken away by whoever uses them: they are not missed.
    """
    ledger = read_ledger(folder)
    listed = ledger.files if ledger else ()
    found = [
        (day, match)
        for day in sorted(folder.glob("day=????-??-??"))
        for path in day.iterdir()
        if (match := _FILE_NAME.fullmatch(path.name))
    ]
    if ledger is None and (kept := [day / match[0] for day, match in found if not match[3]]):
        raise UsageError(
            f"{kept[0]}: is of an export whose {LEDGER} is gone. Next: remove that export, or name another folder."
        )
    remove_leftovers(folder, LEDGER, held=True)
    # All that goes before any that comes: a reader may miss rows for a moment, and never has them twice.
    for day, match in found:
        if f"{day.name}/{match[2]}" not in listed:
            (day / match[0]).unlink()
    for day, match in found:
        if f"{day.name}/{match[2]}" in listed and match[3]:
            move_all([(day / match[0], day / match[2])])
            pass_fault_point("export: a file in place")
    for day in {day for day, _ in found}:
        make_durable(day)
        with suppress(OSError):  # where files are left in it
            day.rmdir()
    return ledger


def _choose_format(folder: Path, request: ExportRequest, held: Ledger | None) -> ExportFormat:
    """Return the format that is requested or, for an addition, that of the folder, where the two agree."""
    if held is None:
        return ExportFormat(request.form or FORMATS[0], not request.no_text, request.raw)
    export_format = held.export_format
    if (
        request.form or export_format.form,
        request.no_text and export_format.with_text,
        request.raw and not export_format.raw,
    ) != (
        export_format.form,
        False,
        False,
    ):
        raise UsageError(
            f"{folder}: holds an export made as {export_format.describe()}, and --new adds to it in the same format. "
            "Next: leave out the options that differ, name another folder, or export everything again without --new."
        )
    return export_format


def _write_files(
    published: Path, folder: Path, start: Ledger, since: date | None, start_progress: StartProgress
) -> tuple[Exported, Ledger]:
    """Write what `start` has not got under temporary names; give what that is, and the ledger that knows it."""
    number, export_format = start.number + 1, start.export_format
    with open_published(published) as connection:
        found: dict[Key, int] = {
            (day, source, model, run): rows
            for day, source, model, run, rows in connection.execute(_LIST_KEYS).fetchall()
        }
        first_day = since.isoformat() if since else ""
        wanted = {key: rows for key, rows in found.items() if key not in start.keys and key[0] >= first_day}
        gone = {key: rows for key, rows in start.keys.items() if key not in found}
        _refuse_after_restore(connection, folder, gone, wanted)
        unknown = [key for key in start.keys.keys() & found.keys() if not start.keys[key]]
        numbers = _list_rows(connection, [*wanted, *unknown])
        _keep_wanted(connection, sorted(wanted))
        names, done, total = [], 0, sum(wanted.values())
        with start_progress(total) if total else nullcontext(lambda amount: None) as report:
            for day in sorted({day for day, *_ in wanted}):
                names.append(f"day={day}/reviews-{number:06}.{export_format.form}")
                for rows in _write_day(connection, _name_unfinished(folder, names[-1]), day, export_format):
                    done += rows
                    report(rows)
                pass_fault_point("export: a day written")
        size = sum(_name_unfinished(folder, name).stat().st_size for name in names)
    if done != total:
        raise ReviewsError(
            f"{folder}: {done:,} rows were read, {total:,} are there to be exported, so nothing of it is "
            "kept. Next: `reviews verify` says what is wrong with the database."
        )
    after = Ledger(number, export_format, (*start.files, *names), {**start.keys, **numbers})
    return Exported(done, len(names), size, export_format), after


def _refuse_after_restore(
    connection: duckdb.DuckDBPyConnection, folder: Path, gone: Mapping[Key, str], wanted: Iterable[Key]
) -> None:
    """Raise `UsageError` where rows that were exported are wanted again, under the run that scored them anew.

    That is so where the database was put back to before it had them: some keys that were exported are `gone` from
    it, with their row numbers. A key of which every row was forgotten is gone too, and does no harm: what else is
    wanted of its file was not exported. One of which a row was not forgotten would still be there.
    """
    again = {key[1:3] for key in wanted}
    for key, rows in gone.items():
        if key[1:3] not in again:
            continue
        forgotten = {number for (number,) in connection.execute(_LIST_FORGOTTEN, [key[1]]).fetchall()}
        if not are_all_among(rows, forgotten):
            raise UsageError(
                f"{folder}: holds rows of runs that the database does not know: it was restored to before them, and "
                "scored them anew. Next: export all anew, without --new."
            )


def _list_rows(connection: duckdb.DuckDBPyConnection, keys: Sequence[Key]) -> dict[Key, str]:
    """Give the numbers of the rows of each key, as the ledger has them."""
    _keep_wanted(connection, keys)
    listed = connection.execute(_LIST_ROWS).fetchall()
    return {(day, source, model, run): rows for day, source, model, run, rows in listed}


def _keep_wanted(connection: duckdb.DuckDBPyConnection, keys: Sequence[Key]) -> None:
    names = ("days", "sources", "models", "runs")
    columns = {name: [key[place] for key in keys] for place, name in enumerate(names)}
    connection.execute(_KEEP_WANTED, columns)


def _read_day(connection: duckdb.DuckDBPyConnection, day: str, export_format: ExportFormat) -> Answers:
    """Give the answers that hold a day's rows, one after another, in the order in which they came in."""
    chunks = connection.execute(_LIST_CHUNKS, {"day": day, "rows": CHUNK_ROWS}).fetchall()
    # Dates as text in CSV: they may lie outside the years that Python knows.
    moment = "scored.{0}" if export_format.form == "parquet" else "scored.{0}::VARCHAR"
    query = _READ_CHUNK.format(
        reviewed_at=moment.format("reviewed_at").replace("scored", "review"),
        scored_at=moment.format("scored_at"),
        text=", review.text" if export_format.with_text else "",
    )
    for (chunk,) in chunks:
        bounds = {"first": chunk * CHUNK_ROWS, "last": (chunk + 1) * CHUNK_ROWS - 1}
        answer: Any = connection.sql(query, params={"day": day, **bounds})
        yield answer


def _name_unfinished(folder: Path, name: str) -> Path:
    """Give the path under which the file `name` of an export is written."""
    return (folder / name).with_name(f".{Path(name).name}.tmp")


def _write_day(
    connection: duckdb.DuckDBPyConnection, target: Path, day: str, export_format: ExportFormat
) -> Iterator[int]:
    """Write a day's rows to `target`, durably; gives the rows of each chunk once they are written."""
    target.parent.mkdir(exist_ok=True)
    answers = _read_day(connection, day, export_format)
    yield from (_write_parquet if export_format.form == "parquet" else _write_csv)(
        answers, target, export_format
    )
    make_durable(target)
    make_durable(target.parent)


def _write_parquet(answers: Answers, target: Path, export_format: ExportFormat) -> Iterator[int]:
    import pyarrow.parquet as pq

    schema = _make_schema(with_text=export_format.with_text)
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for answer in answers:
            table = answer.to_arrow_table().cast(schema)
            if len(table):
                writer.write_table(table)
            yield len(table)


def _make_schema(*, with_text: bool) -> "pa.Schema":
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    fields: dict[str, pa.DataType] = {
        "source_sha256": pa.string(),
        "row_number": pa.int64(),
        "review_id": pa.string(),
        "movie_id": pa.string(),
        "reviewed_at": instant,
        "given_label": pa.string(),
        "given_rating": pa.float64(),
        "model_id": pa.string(),
        "score": pa.float64(),
        "sentiment": pa.string(),
        "predicted_rating": pa.float64(),
        "token_count": pa.int32(),
        "oov_rate": pa.float32(),
        "truncated": pa.bool_(),
        "scored_at": instant,
        "run_id": pa.string(),
        "uri": pa.string(),
        "member": pa.string(),
    }
    return pa.schema({**fields, **({"text": pa.string()} if with_text else {})})


def _write_csv(answers: Answers, target: Path, export_format: ExportFormat) -> Iterator[int]:
    with target.open("w", newline="", encoding="utf-8") as stream:
        for position, answer in enumerate(answers):
            columns = [(name, str(kind)) for name, kind in zip(answer.columns, answer.types, strict=True)]
            rows = [row if export_format.raw else _neutralise(row) for row in answer.fetchall()]
            header, lines = format_answer(columns, iter([rows]), "csv")
            stream.write(lines if position else header + lines)
            yield len(rows)


def _neutralise(row: Iterable[Any]) -> list[Any]:
    """Put an apostrophe before each text that a spreadsheet would take for a formula; numbers stay numbers."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in row]
