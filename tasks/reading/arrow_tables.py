"""Reads the rows of Parquet, ORC and Arrow files with columns of any type; runs in a process of its own.

Structs become columns with dotted names, as nested objects of JSON do.

A Parquet file of a few kilobytes may repeat one long text a million times. So only as many rows are decoded at a time
as fit into `DECODED_BYTES` even if each had the whole dictionary of every column. Other encodings, lists and wrong
metadata may also expand a thousandfold; against these the memory limit of the process protects. Page checksums are
verified if the file has them. Data of Arrow, made for shared memory, is taken as it is, so every batch is checked
before its values are used. Binary values of further columns that are not UTF-8 are kept as base64.
"""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tasks.reading.columns import MAX_COLUMNS, MAX_DEPTH, Columns, Reading, choose_reading, select_columns
from tasks.reading.rows import (
    RawRows,
    ReadOptions,
    group_into_batches,
    make_raw_rows,
    number_rows,
    require_rows,
)
from tasks.reading.text import decode_column
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

DECODED_BYTES = 256 << 20
_DECODED_ROWS = 512
"""Most rows that are decoded at a time; they are combined into batches afterwards."""
_BUFFER_BYTES = 1 << 20
_FILE_MARK, _OLD_FEATHER = b"ARROW1", b"FEA1"
_STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}

_Table = tuple[Reading, list[str], Columns]
"""How a table is read, the names of its columns, and which of them become ours."""
_Column = tuple[pa.Array, dict[int, bytes]]  # [n] values; position -> bytes that are not UTF-8
_Opened = tuple[pa.Schema, Iterable[pa.RecordBatch], int | None]
"""The schema of a file, its batches, and the number of its rows, if it states one."""


def read_parquet(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a Parquet file, see `_read`; a damaged one is refused (parquet_broken)."""
    return _read("parquet_broken", _open_parquet, file, first_row, options)


def read_orc(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of an ORC file, stripe after stripe, see `_read`; a damaged one is refused (orc_broken)."""
    return _read("orc_broken", _open_orc, file, first_row, options)


def read_arrow(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of an Arrow file or stream (Feather), see `_read`; a damaged one is refused (arrow_broken)."""
    return _read("arrow_broken", _open_arrow, file, first_row, options)


def _read(
    rule: str,
    open_file: Callable[[IO[bytes], int, ReadOptions], _Opened],
    file: IO[bytes],
    first_row: int,
    options: ReadOptions,
) -> Iterator[RawRows]:
    """Yield the rows of a file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: `rule` if the file is damaged, bomb_suspected, and the rules of `_open_table`.
    """
    rows, most = 0, max(options.batch_rows // _DECODED_ROWS, 1)
    with refusing(rule, lambda: f"it can't be read after row {rows:,}"):
        schema, batches, stated = open_file(file, first_row, options)
        require_rows(first_row - 1 + (stated or 0), options.most_rows)
        table = _open_table(schema, options)
        slices = (
            small
            for batch in batches
            for start in range(0, batch.num_rows, _DECODED_ROWS)
            for small in _decode_slices(batch.slice(start, _DECODED_ROWS), options.batch_bytes)
        )
        for group in group_into_batches(slices, lambda part: part.nbytes, most, options.batch_bytes):
            made = _make_rows(pa.concat_batches(group), table, first_row + rows)
            rows += len(made.row_numbers)
            yield made
        if stated not in (None, rows):
            raise refusal(rule, f"it states {count(stated or 0, 'row')} and has {rows:,}")


def _require_columns(columns: int) -> None:
    """Refuse a table with too many columns."""
    if columns > MAX_COLUMNS:
        raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")


def _open_table(schema: pa.Schema, options: ReadOptions) -> _Table:
    """Choose how a table is read, and map its columns to ours.

    Refuses a file whose text column does not have texts (text_column_type), and as `choose_reading` does.
    """
    schema = _flatten(schema.empty_table()).schema
    _require_columns(len(schema))
    reading = choose_reading(schema.names, options.profile, options.text_column)
    columns = select_columns(schema.names, reading.profile)
    for text in map(schema.field, columns.list_text()):
        if not (_is_textual(text.type) or pt.is_null(text.type)):
            problem = f"the values of column '{text.name}' are of type {text.type}"
            raise refusal("text_column_type", problem)
    return reading, schema.names, columns


def _decode_slices(batch: pa.RecordBatch, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield a batch in slices of about `most_bytes` bytes, each row of which has its values for itself."""
    decoded = pa.RecordBatch.from_arrays(list(map(_decode, batch.columns)), batch.schema.names)
    size = decoded.nbytes
    if size <= most_bytes and len(decoded):
        yield decoded
        return
    step = max(len(decoded) * most_bytes // max(size, 1), 1)
    yield from (decoded.slice(start, step) for start in range(0, len(decoded), step))


def _decode(array: pa.Array) -> pa.Array:
    """Return values of which several may lie in one place as values of which each has its own."""
    if pt.is_dictionary(array.type):
        return array.dictionary_decode()
    if pt.is_run_end_encoded(array.type):
        return pc.run_end_decode(array)
    if pt.is_string_view(array.type) or pt.is_binary_view(array.type):
        values = array.cast(pa.binary())
        return values.view(pa.string()) if pt.is_string_view(array.type) else values
    return array


def _make_rows(batch: pa.RecordBatch, table: _Table, first_row: int) -> RawRows:
    """Return a batch of n rows as raw rows; the first one gets the number `first_row`."""
    columns = table[2]
    known = set(columns.known.values()) - set(columns.further.values())
    flat = _flatten(pa.Table.from_batches([batch]))
    decoded = [
        _convert_known(column.combine_chunks())
        if position in known
        else _convert_further(column.combine_chunks())
        for position, column in enumerate(flat.columns)
    ]
    return make_raw_rows(table, decoded, number_rows(first_row, batch.num_rows), {})


def _flatten(table: pa.Table) -> pa.Table:
    """Return a table with the values of structs as columns of their own, with names such as `user.name`."""
    for _ in range(MAX_DEPTH):
        if not any(pt.is_struct(field.type) for field in table.schema):
            break
        table = table.flatten()
    return table


# Types


def _convert_known(array: pa.Array) -> _Column:
    """Return the values of one of our columns: whole numbers without a decimal point, times in UTC."""
    if _is_textual(array.type):
        return decode_column(array.cast(pa.binary()))
    if not pt.is_floating(array.type):
        return _convert_further(array)
    # As its type writes it: 4.4 of a short one has no further digits.
    numbers = array.cast(pa.float32()) if pt.is_float16(array.type) else array
    return pc.if_else(pc.is_finite(numbers), numbers.cast(pa.string()), None), {}


def _convert_further(array: pa.Array) -> _Column:
    """Return values as types that JSON has: no NaN and infinity, bytes as texts or base64, times with a zone in UTC."""
    if _is_text(array.type):
        return decode_column(array.cast(pa.binary()))
    if _is_bytes(array.type):
        texts, invalid = decode_column(array.cast(pa.binary()))
        encoded = {place: base64.b64encode(data).decode() for place, data in invalid.items()}
        values = [encoded.get(place, text) for place, text in enumerate(texts.to_pylist())]
        return pa.array(values, pa.string()), {}
    if pt.is_floating(array.type):
        numbers = array.cast(pa.float64())
        return pc.if_else(pc.is_finite(numbers), numbers, None), {}
    if pt.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    return (array.cast(pa.string()) if pt.is_temporal(array.type) else array), {}


def _is_text(kind: pa.DataType) -> bool:
    """Return whether a column has texts."""
    return any(test(kind) for test in (pt.is_string, pt.is_large_string, pt.is_string_view))


def _is_bytes(kind: pa.DataType) -> bool:
    """Return whether a column has bytes."""
    tests = (pt.is_binary, pt.is_large_binary, pt.is_binary_view, pt.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _is_textual(kind: pa.DataType) -> bool:
    """Return whether a column of this type can have texts, also in a dictionary or as bytes."""
    value = kind.value_type if pt.is_dictionary(kind) else kind
    return _is_text(value) or (_is_bytes(value) and not pt.is_fixed_size_binary(value))


# Arrow and ORC


def _open_orc(file: IO[bytes], first_row: int, options: ReadOptions) -> _Opened:
    import pyarrow.orc as pa_orc

    source = pa_orc.ORCFile(file)
    return source.schema, map(source.read_stripe, range(source.nstripes)), source.nrows


def _open_arrow(file: IO[bytes], first_row: int, options: ReadOptions) -> _Opened:
    """Open a file or a stream; the marks at the start tell which it is."""
    file.seek(0)
    mark = file.read(len(_FILE_MARK))
    if mark.startswith(_OLD_FEATHER):
        raise refusal("arrow_broken", "it is of the first version of Feather, which is no longer written")
    source: Any
    if mark == _FILE_MARK:
        file.seek(0)
        source = pa.ipc.open_file(file)
        batches = map(source.get_batch, range(source.num_record_batches))
    else:
        if file.seek(0, io.SEEK_END) < len(_STREAM_END):
            raise refusal("arrow_broken", "it is too short for a stream")
        file.seek(-len(_STREAM_END), io.SEEK_END)
        if file.read() != _STREAM_END:  # Arrow would take it to be whole
            raise refusal("arrow_broken", "it ends without an end mark")
        file.seek(0)
        source = pa.ipc.open_stream(file)
        batches = iter(source)
    # Extension types, such as that for JSON, are read as the types in which they are stored.
    kinds = [(field.name, getattr(field.type, "storage_type", field.type)) for field in source.schema]
    return pa.schema(kinds), _check_batches(batches, first_row, options.most_rows), None


def _check_batches(
    batches: Iterator[pa.RecordBatch], first_row: int, most_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield batches whose offsets, sizes and dictionaries are valid; refuse more rows than the file may have."""
    rows = first_row - 1
    for batch in batches:
        rows += batch.num_rows
        require_rows(rows, most_rows)
        arrays = [getattr(array, "storage", array) for array in batch.columns]
        for array in arrays:
            # As bytes, since a text that is not UTF-8 is a defect of its row.
            bytes_type = _AS_BYTES.get(array.type)
            (array if bytes_type is None else array.view(bytes_type)).validate(full=True)
        yield pa.RecordBatch.from_arrays(arrays, batch.schema.names)


# Parquet


def _open_parquet(file: IO[bytes], first_row: int, options: ReadOptions) -> _Opened:
    parquet = _make_parquet_file(file)
    _require_columns(parquet.metadata.num_columns)
    return parquet.schema_arrow, _decode_parquet(parquet, file, options), parquet.metadata.num_rows


def _make_parquet_file(file: IO[bytes], metadata: Any = None, read_dictionary: Sequence[int] = ()) -> Any:
    """Open a Parquet file so that it takes little memory and pages are checked."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        file,
        metadata=metadata,
        read_dictionary=read_dictionary,
        pre_buffer=False,
        buffer_size=_BUFFER_BYTES,
        page_checksum_verification=True,
        arrow_extensions_enabled=False,
    )


def _decode_parquet(parquet: Any, file: IO[bytes], options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file in batches that are small once their dictionaries are decoded."""
    metadata = parquet.metadata
    # Columns by position, since several may have the same name.
    encoded = _make_parquet_file(file, metadata, range(metadata.num_columns))
    for group in range(metadata.num_row_groups):
        longest_row = _measure_longest_row(encoded, group)
        group_metadata = metadata.row_group(group)
        mean_row = group_metadata.total_byte_size // max(group_metadata.num_rows, 1)
        most = min(DECODED_BYTES // max(longest_row, 1), options.batch_bytes // max(mean_row, 1))
        rows = min(max(most, 1), _DECODED_ROWS, options.batch_rows)
        yield from parquet.iter_batches(rows, row_groups=[group], use_threads=False)


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
