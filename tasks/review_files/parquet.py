"""Reads Parquet as Arrow batches, whatever the types of its columns: in a process of its own (`parquet_process`).

A file of some kilobytes may repeat one long text a million times, so few rows are decoded at a time: as few
as stay within `DECODED_BYTES` even if each held the whole dictionary of its column. What else may grow a thousandfold,
by other encodings, by lists, by what the file states of itself, the memory of the process bounds. Checksums are
checked where there are any. Values of further columns that are bytes and no text are kept as base64.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from tasks.containers.members import require_rows
from tasks.containers.streams import group_items, limit_bytes
from tasks.review_files.columns import Columns, FoundRows, find_rows, require_text, select_columns
from tasks.review_files.encodings import decode_column
from tasks.review_files.options import ReadOptions
from tasks.support.refusals import refusal, refusing

BUFFER_BYTES = 1 << 20
DECODED_BYTES = 256 << 20
DECODED_ROWS = 512
"""Rows that are decoded at a time at most; they are put together to batches afterwards."""
MAX_COLUMNS = 10_000

_Column = tuple[pa.Array, dict[int, bytes]]  # [n] values, and by position what is not UTF-8.


def read_parquet(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[FoundRows]:
    """Read the rows of a Parquet file; the first one gets the number `first_row`.

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
            found = [
                _read_known(array) if position in known else _read_further(array)
                for position, array in enumerate(batch.columns)
            ]
            next_row += batch.num_rows
            yield find_rows(schema.names, columns, found, numbers, {})
        if next_row - first_row != parquet.metadata.num_rows:
            raise refusal("parquet_broken", f"it states {parquet.metadata.num_rows:,} rows and has others")


def _open_parquet(file: IO[bytes], metadata: Any = None, read_dictionary: Sequence[int] = ()) -> Any:
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
    """Tell what the columns are by their names, where their types allow it."""
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
    """Give batches of at most `batch_rows` rows and about `batch_bytes` bytes, dictionaries laid out."""
    for rows in group_items(
        _decode_rows(parquet, file, options),
        lambda part: part.nbytes,
        max(options.batch_rows // DECODED_ROWS, 1),
        options.batch_bytes,
    ):
        yield pa.concat_batches(rows)


def _decode_rows(parquet: Any, file: IO[bytes], options: ReadOptions) -> Iterator[pa.RecordBatch]:
    limits, metadata = options.limits, parquet.metadata
    allowed = max(limits.unsuspected_bytes, limits.ratio * file.seek(0, io.SEEK_END))
    spend = limit_bytes(min(limits.member_bytes, allowed), "the Parquet file")
    # Columns are named by their places, since two may have one name.
    packed = _open_parquet(file, metadata, range(metadata.num_columns))
    for group in range(metadata.num_row_groups):
        longest_row = _measure_longest_row(packed, group)
        facts = metadata.row_group(group)
        mean_row = facts.total_byte_size // max(facts.num_rows, 1)
        most = min(DECODED_BYTES // max(longest_row, 1), options.batch_bytes // max(mean_row, 1))
        rows = min(max(most, 1), DECODED_ROWS, options.batch_rows)
        for batch in parquet.iter_batches(rows, row_groups=[group], use_threads=False):
            laid_out = pa.RecordBatch.from_arrays(list(map(_lay_out, batch.columns)), batch.schema.names)
            spend(laid_out.nbytes)
            step = max(len(laid_out) * options.batch_bytes // max(laid_out.nbytes, 1), 1)
            yield from (laid_out.slice(start, step) for start in range(0, len(laid_out), step))


def _measure_longest_row(packed: Any, group: int) -> int:
    """Give the bytes of a row that holds the whole dictionary of each column, or what the first row has there.

    `packed` is the file with dictionaries kept: the first row comes with them whole. Columns are read one by one,
    since Arrow does so for none in a delta encoding, which has no dictionary.
    """
    longest = 0
    for name in {packed.schema.column(place).path for place in range(packed.metadata.num_columns)}:
        try:
            rows = packed.iter_batches(1, row_groups=[group], columns=[name], use_threads=False)
            longest += next((row.nbytes for row in rows), 0)
        except MemoryError:  # Keeping a dictionary takes twice the memory of reading by it.
            longest += DECODED_BYTES
        except OSError:
            continue
    return longest


def _lay_out(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pt.is_dictionary(array.type) else array


def _read_known(array: pa.Array) -> _Column:
    """Write the values of a column as texts: whole numbers without a point, times in UTC."""
    if _is_textual(array.type):
        return decode_column(array.cast(pa.binary()))
    return _simplify(array).cast(pa.string()), {}


def _read_further(array: pa.Array) -> _Column:
    """Give the values of a column as what JSON can hold."""
    if _is_text(array.type):
        return decode_column(array.cast(pa.binary()))
    if _is_bytes(array.type):
        texts, invalid = decode_column(array.cast(pa.binary()))
        encoded = {place: base64.b64encode(data).decode() for place, data in invalid.items()}
        values = [encoded.get(place, text) for place, text in enumerate(texts.to_pylist())]
        return pa.array(values, pa.string()), {}
    simple = _simplify(array)
    return (simple.cast(pa.string()) if pt.is_temporal(array.type) else simple), {}


def _simplify(array: pa.Array) -> pa.Array:
    """Take what has no text of its own out of numbers and times: NaN, infinity and zones."""
    if pt.is_timestamp(array.type) and array.type.tz is not None:
        return array.cast(pa.timestamp(array.type.unit, "UTC"))
    if pt.is_floating(array.type):
        numbers = array.cast(pa.float64())
        return pc.if_else(pc.is_finite(numbers), numbers, None)
    return array


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pt.is_string, pt.is_large_string, pt.is_string_view))


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pt.is_binary, pt.is_large_binary, pt.is_binary_view, pt.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _is_textual(kind: pa.DataType) -> bool:
    """Tell whether a column of this type can hold texts, be they in a dictionary or stored as bytes."""
    value = kind.value_type if pt.is_dictionary(kind) else kind
    return _is_text(value) or (_is_bytes(value) and not pt.is_fixed_size_binary(value))


def _is_plain(kind: pa.DataType) -> bool:
    """Tell whether a column of this type can be an id, a date, a label or a rating."""
    value = kind.value_type if pt.is_dictionary(kind) else kind
    tests = (pt.is_null, pt.is_boolean, pt.is_integer, pt.is_floating, pt.is_decimal)
    times = (pt.is_date, pt.is_time, pt.is_timestamp)
    return _is_textual(value) or any(test(value) for test in (*tests, *times))
