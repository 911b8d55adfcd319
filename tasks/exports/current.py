"""Exports the current scores: one row per review, as `latest_scores` has it, in one file that is always whole.

Each export writes the file anew under a temporary name and renames it, so that a reader finds the one before or the
new one. The ledger in the folder claims it for this kind of export before the first file is written, and lists the
files that belong to the export: two while the format changes.
"""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import UsageError
from data_contracts.storage.durable import make_durable, make_folder, remove_leftovers, write_whole
from tasks.exports.export_files import (
    CHUNK_ROWS,
    FORMATS,
    Chunks,
    Exported,
    ExportRequest,
    StartProgress,
    select_columns,
    write_chunks,
)
from tasks.exports.export_ledger import ExportFormat, Ledger, recover_export, write_ledger
from tasks.support.locking import hold_folder, refuse_to_wait
from tasks.warehouse.published import open_published, require_published

FILES = {form: f"latest_scores.{form}" for form in FORMATS}
"""The name of the export's file in each format."""

_COUNT = "SELECT count(*) FROM latest_scores"
_LIST_CHUNKS = """
SELECT DISTINCT rowid // $rows AS chunk FROM source_reviews
WHERE is_latest AND best_model_id IS NOT NULL -- the rows of latest_scores
ORDER BY chunk
"""
_READ_CHUNK = """
SELECT {columns} FROM (
    SELECT
        source_sha256, row_number, review_id, movie_id, reviewed_at, given_label, given_rating,
        best_model_id AS model_id, best_score AS score, best_sentiment AS sentiment,
        best_predicted_rating AS predicted_rating, best_token_count AS token_count, best_oov_rate AS oov_rate,
        best_truncated AS truncated, best_scored_at AS scored_at, file_uri AS uri, member, file_source AS source,
        extra::VARCHAR AS extra, text, rowid AS position
    FROM source_reviews
    WHERE rowid BETWEEN $first AND $last AND is_latest AND best_model_id IS NOT NULL
) ORDER BY position
"""


def export_current(
    published: Path,
    folder: Path,
    request: ExportRequest,
    start_progress: StartProgress = lambda total: nullcontext(lambda amount: None),
) -> Exported:
    """Export the current score of each review to a file in `folder`, which is created if it is missing.

    Raises `UsageError` if the folder has an export of another kind, `SourceError` if another export is running.
    """
    require_published(published)
    make_folder(folder, mode=0o700)
    with hold_folder(folder, refuse_to_wait):
        export_format = request.choose_format()
        target = folder / FILES[export_format.form]
        claimed = _claim_folder(folder, target, export_format)
        with open_published(published) as connection, write_whole(target) as building:
            rows = _write_rows(connection, building, export_format, start_progress)
        _drop_other_files(folder, target, claimed)
    return Exported(rows, 1, target.stat().st_size, export_format)


def _claim_folder(folder: Path, target: Path, export_format: ExportFormat) -> Ledger:
    """Return the folder's ledger, after it lists the file to write; raise `UsageError` if the folder is not free."""
    before = recover_export(folder, current=True)
    files = before.files if before else ()
    if target.name not in files and target.exists():
        raise UsageError(
            f"{target}: is there, but belongs to no export. Next: move it away, or name another folder."
        )
    for name in FILES.values():
        remove_leftovers(folder, name, held=True)
    ledger = Ledger(0, export_format, tuple(sorted({*files, target.name})), {})
    if ledger != before:
        write_ledger(folder, ledger)
    return ledger


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    building: Path,
    export_format: ExportFormat,
    start_progress: StartProgress,
) -> int:
    """Write all current scores to the file `building`; return their number."""
    [(total,)] = connection.execute(_COUNT).fetchall()
    done = 0
    with start_progress(total) if total else nullcontext(lambda amount: None) as report:
        for rows in write_chunks(_read_chunks(connection, export_format), building, export_format):
            done += rows
            report(rows)
    return done


def _read_chunks(connection: duckdb.DuckDBPyConnection, export_format: ExportFormat) -> Chunks:
    """Yield the current scores in chunks, in the order in which their texts were stored."""
    query = _READ_CHUNK.format(columns=select_columns(export_format))
    for (chunk,) in connection.execute(_LIST_CHUNKS, {"rows": CHUNK_ROWS}).fetchall():
        bounds = {"first": chunk * CHUNK_ROWS, "last": (chunk + 1) * CHUNK_ROWS - 1}
        relation: Any = connection.sql(query, params=bounds)
        yield relation


def _drop_other_files(folder: Path, target: Path, ledger: Ledger) -> None:
    """Delete the export's file in another format than that of `target`, then take it out of the ledger."""
    others = [name for name in FILES.values() if name != target.name]
    if set(others) & set(ledger.files):
        for name in others:
            (folder / name).unlink(missing_ok=True)
        make_durable(folder)
        write_ledger(folder, replace(ledger, files=(target.name,)))
