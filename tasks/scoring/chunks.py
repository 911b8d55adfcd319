"""Reads review files as chunks: tables with about the number of rows that are checked and scored at a time."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import RowLimits
from tasks.inbox.source_files import (
    FOR_NEXT_GROUP,
    GROUP_BYTES,
    MOST_UNPACKED_BYTES,
    OUT_OF_PROPORTION,
    SkippedFile,
    SourceFile,
    has_changed,
)
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.scoring.bad_rows import can_only_be_refused, require_bounded_bad_rows
from tasks.scoring.file_outcomes import Tally, record_reading, record_refusal

CHUNK_ROWS = 16_384
"""Rows that are checked and scored at a time; a chunk may have rows of several files."""
CHUNK_BYTES = 32 * 2**20
"""Bytes at which a chunk is full, even if it has fewer rows."""
MOST_UNPACKED_RATIO = 16
"""Bytes of rows per byte on disk beyond which a file with more than `GROUP_BYTES` of rows is out of proportion.
Compressed reviews have some 3."""
MOST_READING_SECONDS = 10.0
"""Seconds of CPU time, for a file and for each MB of it, beyond which its reading is so. Most files take 0.1 to 0.3."""
PROGRESS_BEFORE_END = 0.9
"""Progress reported before the end of a file is capped at this share of its size."""


@dataclass(frozen=True)
class ChunkTable:
    """A table of a chunk with its number of bytes, kept since Arrow is slow to count them."""

    table: pa.Table
    bytes: int


def read_chunks(
    files: Sequence[SourceFile],
    choose_options: Callable[[SourceFile], ReadOptions],
    choose_limits: Callable[[SourceFile], RowLimits],
    tally: Tally,
    report: Callable[[int], None],
) -> Iterator[pa.Table]:
    """Yield the rows of the files, in order, in tables of about `CHUNK_ROWS` rows with `source_sha256` and `uri`.

    `choose_options` and `choose_limits` say how each file is read. If a file is refused or has changed, its rows that
    were not yielded yet are dropped; the commit ignores its other rows. `report` is called with the bytes of files that
    were read since its last call.
    """
    waiting: list[ChunkTable] = []
    for file in files:
        reported, limits = 0, choose_limits(file)
        try:
            options = choose_options(file)
            counts_each = options.profile is not None and options.profile.rows.equal_texts == "each"
            options = replace(options, report_reading=partial(record_reading, file, tally))
            for batch in _read_in_proportion(file, options, tally):
                source = file.source_sha256
                require_bounded_bad_rows(file, tally.bytes_kept[source])
                broken = tally.rows_broken[source].total()
                if can_only_be_refused(file, tally.rows_read[source], broken, limits, options):
                    break  # `judge_file` comes to the same result and refuses the file
                if len(batch) == 0:
                    continue
                table = _add_source_columns(batch, file)
                waiting.append(measure_table(_name_rows(table) if counts_each else table))
                if is_full_chunk(waiting):
                    yield join_chunk(waiting)
                    # A compressed file has more bytes of rows than its size: its progress stops at the cap.
                    step = min(_measure_chunk(waiting), int(file.size * PROGRESS_BEFORE_END) - reported)
                    report(max(step, 0))
                    reported, waiting = reported + max(step, 0), []
        except FileRefusedError as error:
            record_refusal(file, error, tally)
        if has_changed(file):
            tally.postponed[file.source_sha256] = SkippedFile(
                file.uri, "changed while it was read: next run", waits=True
            )
        if tally.excludes(file):
            waiting = [
                each for each in waiting if each.table["source_sha256"][0].as_py() != file.source_sha256
            ]
        report(file.size - reported)
    if waiting:
        yield join_chunk(waiting)


def _read_in_proportion(file: SourceFile, options: ReadOptions, tally: Tally) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file; postpone it, if the options allow that, once they are out of proportion to its size.

    Or once the CPU time for them is, here and in the process for tables, or if the files before it have many rows.
    """
    if options.may_postpone and tally.bytes_read.total() > MOST_UNPACKED_BYTES:
        tally.postponed[file.source_sha256] = SkippedFile(file.uri, FOR_NEXT_GROUP)
        return
    most_bytes = max(GROUP_BYTES, MOST_UNPACKED_RATIO * file.size)
    most_seconds = MOST_READING_SECONDS * max(1, file.size / 1_000_000)
    elsewhere = list[float]()
    options = replace(options, report_seconds=elsewhere.append)
    unpacked, seconds, started = 0, 0.0, time.thread_time()
    for batch in read_review_file(file.path, options):
        seconds += time.thread_time() - started + sum(elsewhere)
        unpacked += batch.nbytes
        tally.bytes_read[file.source_sha256] = unpacked
        elsewhere.clear()
        if options.may_postpone and (unpacked > most_bytes or seconds > most_seconds):
            tally.postponed[file.source_sha256] = SkippedFile(file.uri, OUT_OF_PROPORTION)
            return
        yield batch
        started = time.thread_time()


def count_rows(file: SourceFile, options: ReadOptions, report: Callable[[int], None]) -> int:
    """Count the rows of a file; `report` is called with an estimate of the bytes read, `file.size` in all."""
    rows, unreported = 0, file.size
    try:
        for batch in read_review_file(file.path, options):
            rows += batch.num_rows
            step = min(batch.nbytes, unreported)
            report(step)
            unreported -= step
    finally:
        report(unreported)
    return rows


def measure_table(table: pa.Table) -> ChunkTable:
    """Return a table that is to become part of a chunk, with its number of bytes."""
    return ChunkTable(table, table.nbytes)


def is_full_chunk(waiting: Sequence[ChunkTable]) -> bool:
    """Return whether the tables together fill a chunk, by rows or by bytes."""
    return sum(len(each.table) for each in waiting) >= CHUNK_ROWS or _measure_chunk(waiting) >= CHUNK_BYTES


def join_chunk(waiting: Sequence[ChunkTable]) -> pa.Table:
    """Concatenate tables to one chunk."""
    return pa.concat_tables([each.table for each in waiting])


def _measure_chunk(waiting: Sequence[ChunkTable]) -> int:
    """Return the bytes of the tables that wait to become a chunk."""
    return sum(each.bytes for each in waiting)


def _add_source_columns(batch: pa.RecordBatch, file: SourceFile) -> pa.Table:
    """Return a batch of at least one row as a table with the columns `source_sha256` and `uri` before the others."""
    names = {"source_sha256": file.source_sha256, "uri": file.uri}
    constant = {name: pa.repeat(pa.scalar(value), len(batch)) for name, value in names.items()}
    return pa.table({**constant, **dict(zip(batch.schema.names, batch.columns, strict=True))})


def _name_rows(table: pa.Table) -> pa.Table:
    """Return rows in which each without a review id has one of its own, made of its file and number."""
    numbers = pc.cast(table["row_number"], pa.string())
    named = pc.binary_join_element_wise(pc.utf8_slice_codeunits(table["source_sha256"], 0, 12), numbers, ":")
    place = table.schema.get_field_index("review_id")
    return table.set_column(place, "review_id", pc.coalesce(table["review_id"], named))
