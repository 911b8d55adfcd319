"""Review files as chunks: tables of about as many rows as are checked and scored at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from data_contracts.errors import FileRefusedError
from data_contracts.limits import RowLimits
from tasks.inbox.source_files import SkippedFile, SourceFile, has_changed
from tasks.review_files.reader import ReadOptions, read_review_file
from tasks.scoring.bad_rows import can_only_be_refused, require_bounded
from tasks.scoring.tally import Tally, note_refusal

CHUNK_ROWS = 16_384
"""Rows that are checked and scored at a time; small files go together."""
CHUNK_BYTES = 32 * 2**20
"""Bytes of rows at which a chunk is full before it has as many rows."""
PROGRESS_BEFORE_END = 0.9
"""Progress reported before the end of a file is capped at this share of its size."""


def read_chunks(
    files: Sequence[SourceFile],
    options: ReadOptions,
    limits: RowLimits,
    tally: Tally,
    report: Callable[[int], None],
) -> Iterator[pa.Table]:
    """Read the files in order as tables of about `CHUNK_ROWS` rows, with the columns that name their source.

    Rows of a file that turns out bad or changed are dropped here as far as they were not handed on; the commit
    leaves out the others. `report` gets the bytes of files done with.
    """
    waiting: list[pa.Table] = []
    for file in files:
        reported = 0
        try:
            for batch in read_review_file(file.path, replace(options, root=file.root)):
                source = file.source_sha256
                require_bounded(file, tally.bytes_kept[source])
                broken = tally.rows_broken[source].total()
                if can_only_be_refused(file, tally.rows_read[source], broken, limits, options):
                    break  # which `close_file` will find, too
                if len(batch) == 0:
                    continue
                waiting.append(_name_source(batch, file))
                if is_full(waiting):
                    yield pa.concat_tables(waiting)
                    # Compressed files hold more than their size: they stand still near the end instead.
                    step = min(_size(waiting), int(file.size * PROGRESS_BEFORE_END) - reported)
                    report(max(step, 0))
                    reported, waiting = reported + max(step, 0), []
        except FileRefusedError as error:
            note_refusal(file, error, tally)
        if has_changed(file):
            tally.postponed[file.source_sha256] = SkippedFile(file.uri, "changed while it was read: next run")
        if tally.leaves_out(file):
            waiting = [table for table in waiting if table["uri"][0].as_py() != file.uri]
        report(file.size - reported)
    if waiting:
        yield pa.concat_tables(waiting)


def is_full(waiting: Sequence[pa.Table]) -> bool:
    """Whether tables that wait are a chunk, by rows or by bytes."""
    return sum(len(table) for table in waiting) >= CHUNK_ROWS or _size(waiting) >= CHUNK_BYTES


def _size(waiting: Sequence[pa.Table]) -> int:
    return sum(table.nbytes for table in waiting)


def _name_source(batch: pa.RecordBatch, file: SourceFile) -> pa.Table:
    """Put the columns `source_sha256` and `uri` before those of a batch of at least one row."""
    names = {"source_sha256": file.source_sha256, "uri": file.uri}
    constant = {name: pa.repeat(pa.scalar(value), len(batch)) for name, value in names.items()}
    return pa.table({**constant, **dict(zip(batch.schema.names, batch.columns, strict=True))})
