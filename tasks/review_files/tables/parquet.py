"""Reads the rows of Parquet files with columns of any type; runs in a process of its own (`process`).

A file of a few kilobytes may repeat one long text a million times. So only as many rows are decoded at a time as fit
into `DECODED_BYTES` even if each had the whole dictionary of every column. Other encodings, lists and wrong metadata
may also expand a thousandfold; against these the memory limit of the process protects. Page checksums are verified if
the file has them. Binary values of further columns that are not UTF-8 are kept as base64.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from tasks.containers.limits import limit_bytes
from tasks.review_files.batches import group_into_batches
from tasks.review_files.columns import Columns, require_text, select_columns
from tasks.review_files.encodings import decode_column
from tasks.review_files.options import ReadOptions, require_rows
from tasks.review_files.raw_rows import RawRows, make_raw_rows
from tasks.support.refusals import refusal, refusing

BUFFER_BYTES = 1 << 20
DECODED_BYTES = 256 << 20
DECODED_ROWS = 512
"""Most rows that are decoded at a time; they are combined into batches afterwards."""
MAX_COLUMNS = 10_000

_Column = tuple[pa.Array, dict[int, bytes]]  # [n] values; position -> bytes that are not UTF-8


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a Parquet file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: parquet_broken, text_column_missing, text_column_doubled, text_column_type,
    bomb_suspected.
    """
    next_row = first_row
    with refusing("parquet_broken", lambda: f"it can't be read after row {next_row - first_row:,}"):
        parquet = _open_parquet(file)
        require_rows(first_row - 1 + parquet.metadata.num_rows, options.most_rows)
        if parquet.metadata.num_columns > MAX_COLUMNS:
            raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")
        schema = parquet.schema_arrow
        columns = _select_columns(schema, options.text_column)
        for batch in _read_batches(parquet, file, options):
            numbers = pa.array(range(next_row, next_row + batch.num_rows), pa.int64())
            known = set(columns.known.values())
            decoded = [
                _convert_known(array) if position in known else _convert_further(array)
                for position, array in enumerate(batch.columns)
            ]
            next_row += batch.num_rows
            yield make_raw_rows(schema.names, columns, decoded, numbers, {})
        if next_row - first_row != parquet.metadata.num_rows:
            raise refusal(
                "parquet_broken",
                f"it states {parquet.metadata.num_rows:,} rows and has {next_row - first_row:,}",
            )


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


def _select_columns(schema: pa.Schema, text_column: str | None) -> Columns:
    """Map columns to ours by their names; a column whose type does not fit is a further column.

    Refuses a file whose text column does not have texts (text_column_type).
    """
    columns = select_columns(schema.names, text_column)
    require_text(columns, schema.names, text_column)
    text_type = schema.field(columns.known["text"]).type
    if not (_is_textual(text_type) or pt.is_null(text_type)):
        name = schema.names[columns.known["text"]]
        raise refusal("text_column_type", f"the values of column '{name}' are of type {text_type}")
    known = {ours: place for ours, place in columns.known.items() if _is_plain(schema.field(place).type)}
    others = {schema.names[place]: place for ours, place in columns.known.items() if ours not in known}
    return Columns(known, {**columns.further, **others}, columns.doubled)


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
    limits, metadata = options.limits, parquet.metadata
    allowed = max(limits.unsuspected_bytes, limits.ratio * file.seek(0, io.SEEK_END))
    guard = limit_bytes(min(limits.member_bytes, allowed), "the Parquet file")
    # Columns by position, since several may have the same name.
    encoded = _open_parquet(file, metadata, range(metadata.num_columns))
    for group in range(metadata.num_row_groups):
        longest_row = _measure_longest_row(encoded, group)
        group_metadata = metadata.row_group(group)
        mean_row = group_metadata.total_byte_size // max(group_metadata.num_rows, 1)
        most = min(DECODED_BYTES // max(longest_row, 1), options.batch_bytes // max(mean_row, 1))
        rows = min(max(most, 1), DECODED_ROWS, options.batch_rows)
        for batch in parquet.iter_batches(rows, row_groups=[group], use_threads=False):
            decoded = pa.RecordBatch.from_arrays(
                list(map(_decode_dictionary, batch.columns)), batch.schema.names
            )
            guard(decoded.nbytes)
            step = max(len(decoded) * options.batch_bytes // max(decoded.nbytes, 1), 1)
            yield from (decoded.slice(start, step) for start in range(0, len(decoded), step))


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


def _decode_dictionary(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pt.is_dictionary(array.type) else array


def _convert_known(array: pa.Array) -> _Column:
    """Return the values of one of our columns as texts: whole numbers without a decimal point, times in UTC."""
    if _is_textual(array.type):
        return decode_column(array.cast(pa.binary()))
    return _simplify_column(array).cast(pa.string()), {}


def _convert_further(array: pa.Array) -> _Column:
    """Return the values of a further column as types that JSON has."""
    if _is_text(array.type):
        return decode_column(array.cast(pa.binary()))
    if _is_bytes(array.type):
        texts, invalid = decode_column(array.cast(pa.binary()))
        encoded = {place: base64.b64encode(data).decode() for place, data in invalid.items()}
        values = [encoded.get(place, text) for place, text in enumerate(texts.to_pylist())]
        return pa.array(values, pa.string()), {}
    simple = _simplify_column(array)
    return (simple.cast(pa.string()) if pt.is_temporal(array.type) else simple), {}


def _simplify_column(array: pa.Array) -> pa.Array:
    """Return numbers with null for NaN and infinity, and times with a time zone in UTC."""
    if pt.is_timestamp(array.type) and array.type.tz is not None:
        return array.cast(pa.timestamp(array.type.unit, "UTC"))
    if pt.is_floating(array.type):
        numbers = array.cast(pa.float64())
        return pc.if_else(pc.is_finite(numbers), numbers, None)
    return array


def _is_text(kind: pa.DataType) -> bool:
    """Return whether a Parquet column has texts."""
    return any(test(kind) for test in (pt.is_string, pt.is_large_string, pt.is_string_view))


def _is_bytes(kind: pa.DataType) -> bool:
    """Return whether a Parquet column has bytes."""
    tests = (pt.is_binary, pt.is_large_binary, pt.is_binary_view, pt.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _is_textual(kind: pa.DataType) -> bool:
    """Return whether a column of this type can have texts, also in a dictionary or as bytes."""
    value = kind.value_type if pt.is_dictionary(kind) else kind
    return _is_text(value) or (_is_bytes(value) and not pt.is_fixed_size_binary(value))


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether a column of this type can have ids, dates, labels or ratings."""
    value = kind.value_type if pt.is_dictionary(kind) else kind
    tests = (pt.is_null, pt.is_boolean, pt.is_integer, pt.is_floating, pt.is_decimal)
    times = (pt.is_date, pt.is_time, pt.is_timestamp)
    return _is_textual(value) or any(test(value) for test in (*tests, *times))
