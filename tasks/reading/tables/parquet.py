"""Reads the rows of Parquet files with columns of any type; runs in a process of its own (`separate_process`).

A file of a few kilobytes may repeat one long text a million times. So only as many rows are decoded at a time as fit
into `DECODED_BYTES` even if each had the whole dictionary of every column. Other encodings, lists and wrong metadata
may also expand a thousandfold; against these the memory limit of the process protects. Page checksums are verified if
the file has them.
"""

from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.reading.columns import MAX_COLUMNS
from tasks.reading.grouping_items import group_into_batches
from tasks.reading.options import ReadOptions, require_rows
from tasks.reading.raw_rows import RawRows
from tasks.reading.tables.arrow_columns import (
    DECODED_ROWS,
    ArrowTable,
    choose_arrow_reading,
    decode_slices,
    limit_decoded,
    make_arrow_rows,
)
from tasks.reading.tables.class_names import find_classes, name_classes
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

BUFFER_BYTES = 1 << 20
DECODED_BYTES = 256 << 20


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a Parquet file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: parquet_broken, bomb_suspected, and the rules of `choose_arrow_reading`.
    """
    next_row = first_row
    with refusing("parquet_broken", lambda: f"it can't be read after row {next_row - first_row:,}"):
        parquet, table = _open_table(file, first_row, options)
        for batch in _read_batches(parquet, file, options):
            yield make_arrow_rows(batch, table, next_row)
            next_row += batch.num_rows
        if next_row - first_row != parquet.metadata.num_rows:
            raise refusal(
                "parquet_broken",
                f"it states {count(parquet.metadata.num_rows, 'row')} and has {next_row - first_row:,}",
            )


def _open_table(file: IO[bytes], first_row: int, options: ReadOptions) -> tuple[Any, ArrowTable]:
    """Open a Parquet file and map its columns; refuse one with too many rows or columns."""
    parquet = _open_parquet(file)
    require_rows(first_row - 1 + parquet.metadata.num_rows, options.most_rows)
    if parquet.metadata.num_columns > MAX_COLUMNS:
        raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")
    return parquet, choose_arrow_reading(parquet.schema_arrow, options)


def _open_parquet(file: IO[bytes], metadata: Any = None, read_dictionary: Sequence[int] = ()) -> Any:
    """Open a Parquet file so that it takes little memory and pages are checked."""
    return pq.ParquetFile(
        file,
        metadata=metadata,
        read_dictionary=read_dictionary,
        pre_buffer=False,
        buffer_size=BUFFER_BYTES,
        page_checksum_verification=True,
        arrow_extensions_enabled=False,
    )


def _read_batches(parquet: Any, file: IO[bytes], options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most `batch_rows` rows and about `batch_bytes` bytes, with dictionaries decoded."""
    for rows in group_into_batches(
        _decode_rows(parquet, file, options),
        lambda part: part.nbytes,
        max(options.batch_rows // DECODED_ROWS, 1),
        options.batch_bytes,
    ):
        yield pa.concat_batches(rows)


def _decode_rows(parquet: Any, file: IO[bytes], options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file in batches that are small once their dictionaries are decoded."""
    metadata = parquet.metadata
    guard = limit_decoded(file, options.limits)
    # Columns by position, since several may have the same name.
    encoded = _open_parquet(file, metadata, range(metadata.num_columns))
    classes = find_classes(parquet.schema_arrow)
    for group in range(metadata.num_row_groups):
        longest_row = _measure_longest_row(encoded, group)
        group_metadata = metadata.row_group(group)
        mean_row = group_metadata.total_byte_size // max(group_metadata.num_rows, 1)
        most = min(DECODED_BYTES // max(longest_row, 1), options.batch_bytes // max(mean_row, 1))
        rows = min(max(most, 1), DECODED_ROWS, options.batch_rows)
        batches = parquet.iter_batches(rows, row_groups=[group], use_threads=False)
        for batch in name_classes(batches, classes):
            yield from decode_slices(batch, guard, options.batch_bytes)


def _measure_longest_row(encoded: Any, group: int) -> int:
    """Return the bytes of a row that has, in each column, the complete dictionary, or the first value if there is none.

    `encoded` is the file opened with dictionaries kept: its first row comes with the complete dictionaries. Columns are
    read one by one, since a column with a delta encoding, which has no dictionary, makes Arrow fail for all.
    """
    longest = 0
    for name in {encoded.schema.column(place).path for place in range(encoded.metadata.num_columns)}:
        try:
            rows = encoded.iter_batches(1, row_groups=[group], columns=[name], use_threads=False)
            longest += next((row.nbytes for row in rows), 0)
        except MemoryError:  # keeping a dictionary takes twice the memory of decoding by it
            longest += DECODED_BYTES
        except OSError:
            continue
    return longest
