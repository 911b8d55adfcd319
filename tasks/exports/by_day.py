"""Exports scored reviews as Parquet or CSV, one folder per day. Each row is exported once, even if exports are killed.

A row of an export is a row of `scored_reviews`, one per source row and model, with the fields of its source file. Such
rows are only ever added, so new rows are found by keys, not by a clock: the ledger in the folder has every
(day, source_sha256, model_id, run_id) that was exported, and the names of the folder's files. Writing the ledger
commits an export. The files have temporary names until then and are renamed afterwards. The next export completes the
renaming of committed files and deletes files that are not in the ledger.

Reads the published copy, some thousand rows at a time. `tasks.exports.current` exports one row per review instead.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.durable import make_durable, make_folder
from data_contracts.storage.faults import pass_fault_point
from tasks.exports.export_files import (
    CHUNK_ROWS,
    Chunks,
    Exported,
    ExportRequest,
    StartProgress,
    select_columns,
    write_chunks,
)
from tasks.exports.export_ledger import (
    ExportFormat,
    Key,
    Ledger,
    recover_export,
    refuse_after_restore,
    write_ledger,
)
from tasks.support.locking import hold_folder, refuse_to_wait
from tasks.warehouse.published import open_published, require_published
from tasks.warehouse.row_names import SUPERSEDED

_LIST_KEYS = f"""
SELECT
    (scored_at AT TIME ZONE 'UTC')::DATE::VARCHAR AS day, source_sha256, model_id, coalesce(run_id, '') AS run_id,
    count(*) AS rows
FROM scored_reviews WHERE source_sha256 NOT IN {SUPERSEDED} GROUP BY ALL
"""  # noqa: S608 (our own names)
_LIST_ROWS = """
WITH keyed AS (
    SELECT
        (scored_at AT TIME ZONE 'UTC')::DATE::VARCHAR AS day, source_sha256, model_id, coalesce(run_id, '') AS run_id,
        row_number
    FROM scored_reviews
), placed AS (
    SELECT keyed.*, row_number - row_number() OVER of_key AS gap
    FROM keyed SEMI JOIN chosen_keys USING (day, source_sha256, model_id, run_id)
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
_STORE_KEYS = """
CREATE OR REPLACE TEMP TABLE chosen_keys AS SELECT
    unnest($days::VARCHAR[]) AS day, unnest($sources::VARCHAR[]) AS source_sha256,
    unnest($models::VARCHAR[]) AS model_id, unnest($runs::VARCHAR[]) AS run_id
"""
_LIST_CHUNKS = """
SELECT DISTINCT review.rowid // $rows AS chunk FROM source_reviews AS review
SEMI JOIN (SELECT source_sha256 FROM chosen_keys WHERE day = $day) USING (source_sha256) ORDER BY chunk
"""
_READ_CHUNK = """
SELECT {columns} FROM (
    SELECT
        review.source_sha256, review.row_number, review.review_id, review.movie_id, review.reviewed_at,
        review.given_label, review.given_rating, scored.model_id, scored.score, scored.sentiment,
        scored.predicted_rating, scored.token_count, scored.oov_rate, scored.truncated, scored.scored_at,
        scored.run_id, files.uri, review.member, scored.source, review.extra::VARCHAR AS extra, review.text,
        review.position
    FROM (SELECT rowid AS position, * FROM source_reviews WHERE rowid BETWEEN $first AND $last) AS review
    JOIN scored_reviews AS scored USING (source_sha256, row_number)
    JOIN chosen_keys ON chosen_keys.day = $day AND chosen_keys.source_sha256 = scored.source_sha256
        AND chosen_keys.model_id = scored.model_id AND chosen_keys.run_id = coalesce(scored.run_id, '')
    LEFT JOIN scored_files AS files
        ON files.source_sha256 = scored.source_sha256 AND files.model_id = scored.model_id
    WHERE (scored.scored_at AT TIME ZONE 'UTC')::DATE = $day::DATE
) ORDER BY position, model_id
"""


def export_reviews(
    published: Path,
    folder: Path,
    request: ExportRequest,
    start_progress: StartProgress = lambda total: nullcontext(lambda amount: None),
) -> Exported:
    """Export scored rows to `folder`, which is created if it is missing.

    Raises `UsageError` if the folder has an export that can't be continued, `SourceError` if another export is running.
    """
    require_published(published)
    make_folder(folder, mode=0o700)
    with hold_folder(folder, refuse_to_wait):
        before = recover_export(folder)
        held = before if request.only_new and before else None
        start = Ledger(before.number if before else 0, _choose_format(folder, request, held), (), {})
        start = replace(start, files=held.files, keys=held.keys) if held else start
        try:
            done, after = _write_files(published, folder, start, request.since, start_progress)
            if after.keys != start.keys or not held:
                pass_fault_point("export: before ledger")
                write_ledger(folder, after)
        finally:
            recover_export(folder)
    return done


def _choose_format(folder: Path, request: ExportRequest, held: Ledger | None) -> ExportFormat:
    """Return the format to export in: that of the ledger `held`, to which rows are added, else the requested one.

    Raises `UsageError` if the request differs from the format of `held`.
    """
    if held is None:
        return request.choose_format()
    export_format = held.export_format
    if (
        request.form not in (None, export_format.form)
        or (request.no_text and export_format.with_text)
        or (request.no_extra and export_format.with_extra)
        or (request.raw and not export_format.raw)
    ):
        raise UsageError(
            f"{folder}: holds an export made as {export_format.describe()}, and --new adds to it in the same format. "
            "Next: drop the options that differ, name another folder, or export everything again without --new."
        )
    return export_format


def _write_files(
    published: Path, folder: Path, start: Ledger, since: date | None, start_progress: StartProgress
) -> tuple[Exported, Ledger]:
    """Write the rows that are not in the ledger `start` to files with temporary names.

    Return the result of the export and the ledger that commits it.
    """
    number, export_format = start.number + 1, start.export_format
    with open_published(published) as connection:
        present: dict[Key, int] = {
            (day, source, model, run): rows
            for day, source, model, run, rows in connection.execute(_LIST_KEYS).fetchall()
        }
        first_day = since.isoformat() if since else ""
        new = {key: rows for key, rows in present.items() if key not in start.keys and key[0] >= first_day}
        missing = {key: rows for key, rows in start.keys.items() if key not in present}
        refuse_after_restore(connection, folder, missing, new)
        unnumbered = [key for key in start.keys.keys() & present.keys() if not start.keys[key]]
        numbers = _list_rows(connection, [*new, *unnumbered])
        _store_keys(connection, sorted(new))
        names, done, total = [], 0, sum(new.values())
        with start_progress(total) if total else nullcontext(lambda amount: None) as report:
            for day in sorted({day for day, *_ in new}):
                names.append(f"day={day}/reviews-{number:06}.{export_format.form}")
                for rows in _write_day(connection, _name_unfinished(folder, names[-1]), day, export_format):
                    done += rows
                    report(rows)
                pass_fault_point("export: a day written")
        size = sum(_name_unfinished(folder, name).stat().st_size for name in names)
    if done != total:
        raise ReviewsError(
            f"{folder}: {done:,} rows were read, but the database counts {total:,}, so nothing was exported. Next: "
            "`reviews verify` shows what is wrong with the database."
        )
    after = Ledger(number, export_format, (*start.files, *names), {**start.keys, **numbers})
    return Exported(done, len(names), size, export_format), after


def _list_rows(connection: duckdb.DuckDBPyConnection, keys: Sequence[Key]) -> dict[Key, str]:
    """Return the row numbers of each key, in the notation of the ledger, such as '1-400,402'."""
    _store_keys(connection, keys)
    listed = connection.execute(_LIST_ROWS).fetchall()
    return {(day, source, model, run): rows for day, source, model, run, rows in listed}


def _store_keys(connection: duckdb.DuckDBPyConnection, keys: Sequence[Key]) -> None:
    """Replace the temporary table `chosen_keys`, from which the queries above take their keys."""
    names = ("days", "sources", "models", "runs")
    columns = {name: [key[place] for key in keys] for place, name in enumerate(names)}
    connection.execute(_STORE_KEYS, columns)


def _read_day(connection: duckdb.DuckDBPyConnection, day: str, export_format: ExportFormat) -> Chunks:
    """Yield the chosen rows of a day in chunks, in the order in which they were stored."""
    chunks = connection.execute(_LIST_CHUNKS, {"day": day, "rows": CHUNK_ROWS}).fetchall()
    query = _READ_CHUNK.format(columns=select_columns(export_format))
    for (chunk,) in chunks:
        bounds = {"first": chunk * CHUNK_ROWS, "last": (chunk + 1) * CHUNK_ROWS - 1}
        relation: Any = connection.sql(query, params={"day": day, **bounds})
        yield relation


def _name_unfinished(folder: Path, name: str) -> Path:
    """Return the temporary path of the export's file `name`."""
    return (folder / name).with_name(f".{Path(name).name}.tmp")


def _write_day(
    connection: duckdb.DuckDBPyConnection, target: Path, day: str, export_format: ExportFormat
) -> Iterator[int]:
    """Write the chosen rows of a day to `target` and sync it; yield the number of rows of each chunk written."""
    target.parent.mkdir(exist_ok=True)
    yield from write_chunks(_read_day(connection, day, export_format), target, export_format)
    make_durable(target)
    make_durable(target.parent)
