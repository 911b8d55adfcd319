"""Review files as chunks: tables of about as many rows as are checked and scored at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Measured:
    """A table and its bytes, which Arrow takes a while to count."""

    table: pa.Table
    bytes: int


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
    waiting: list[Measured] = []
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
                waiting.append(measure(_name_source(batch, file)))
                if is_full(waiting):
                    yield join(waiting)
                    # Compressed files hold more than their size: they stand still near the end instead.
                    step = min(_size(waiting), int(file.size * PROGRESS_BEFORE_END) - reported)
                    report(max(step, 0))
                    reported, waiting = reported + max(step, 0), []
        except FileRefusedError as error:
            note_refusal(file, error, tally)
        if has_changed(file):
            tally.postponed[file.source_sha256] = SkippedFile(file.uri, "changed while it was read: next run")
        if tally.leaves_out(file):
            waiting = [each for each in waiting if each.table["uri"][0].as_py() != file.uri]
        report(file.size - reported)
    if waiting:
        yield join(waiting)


def measure(table: pa.Table) -> Measured:
    """Count the bytes of a table."""
    return Measured(table, table.nbytes)


def is_full(waiting: Sequence[Measured]) -> bool:
    """Whether tables that wait are a chunk, by rows or by bytes."""
    return sum(len(each.table) for each in waiting) >= CHUNK_ROWS or _size(waiting) >= CHUNK_BYTES


def join(waiting: Sequence[Measured]) -> pa.Table:
    """Make one table of those that wait."""
    return pa.concat_tables([each.table for each in waiting])


def _size(waiting: Sequence[Measured]) -> int:
    return sum(each.bytes for each in waiting)


def _name_source(batch: pa.RecordBatch, file: SourceFile) -> pa.Table:
    """Put the columns `source_sha256` and `uri` before those of a batch of at least one row."""
    names = {"source_sha256": file.source_sha256, "uri": file.uri}
    constant = {name: pa.repeat(pa.scalar(value), len(batch)) for name, value in names.items()}
    return pa.table({**constant, **dict(zip(batch.schema.names, batch.columns, strict=True))})
