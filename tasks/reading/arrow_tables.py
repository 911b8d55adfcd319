"""Reads the rows of Parquet, ORC and Arrow files with columns of any type; runs in a process of its own.

Structs become columns with dotted names, as nested objects of JSON do.

A file of a few kilobytes may repeat one long text a million times. So few rows are decoded at a time, and against what
still expands too far the memory limit of the process protects. Page checksums are verified if the file has them. Data
of Arrow, made for shared memory, is taken as it is, so every batch is checked before its values are used. Binary values
of further columns that are not UTF-8 are kept as base64.
"""

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
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
from tasks.reading.streams import limit
from tasks.reading.text import decode_column
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

_MOST_NAMES = 1 << 24
"""Most characters of the names of all columns, those of structs in front of each of their values."""
_DECODED_ROWS = 512
"""Most rows that are decoded at a time; they are combined into batches afterwards."""
_BUFFER_BYTES = 1 << 20
_FILE_MARK, _OLD_FEATHER = b"ARROW1", b"FEA1"
_STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}

_Table = tuple[Reading, list[str], Columns]
"""How a table is read, the names of its columns, and which of them become ours."""
_Column = tuple[pa.Array, dict[int, bytes]]  # [n] values; position -> bytes that are not UTF-8
_Classes = Mapping[int, Sequence[str]]
"""The names of classes, by the position of the column that has their numbers."""
_Opened = tuple[pa.Schema, Iterable[pa.RecordBatch], int | None]
"""The schema of a file, its batches, and the number of its rows, if it states one."""


def _read(
    rule: str,
    open_file: Callable[[IO[bytes], ReadOptions], _Opened],
    file: IO[bytes],
    first_row: int,
    options: ReadOptions,
) -> Iterator[RawRows]:
    """Yield the rows of a file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: `rule` if the file is damaged, bomb_suspected, and the rules of `_open_table`.
    """
    rows, most = 0, max(options.batch_rows // _DECODED_ROWS, 1)
    with refusing(rule, lambda: f"it can't be read after row {rows:,}"):
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        guard = limit(options.limits.count_bytes(size, options.limits.total_bytes), "its rows unpack to")
        schema, batches, stated = open_file(file, options)
        require_rows(first_row - 1 + (stated or 0), options.most_rows)
        flat = _flatten_schema(schema)
        table, classes = _open_table(flat, options), find_classes(flat)

        def decode() -> Iterator[pa.RecordBatch]:
            done = first_row - 1
            for batch in batches:
                done += batch.num_rows
                require_rows(done, options.most_rows)
                for start in range(0, batch.num_rows, _DECODED_ROWS):
                    yield from _decode_slices(batch.slice(start, _DECODED_ROWS), classes, options.batch_bytes)

        for group in group_into_batches(decode(), lambda part: part.nbytes, most, options.batch_bytes):
            guard(sum(part.nbytes for part in group))
            made = _make_rows(pa.concat_batches(group), table, first_row + rows)
            rows += len(made.row_numbers)
            yield made
        if stated not in (None, rows):
            raise refusal(rule, f"it states {count(stated or 0, 'row')} and has {rows:,}")


def _flatten_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of the columns that `_flatten` makes, as the types in which their values are stored.

    Refuses a file with too many of them, too deep ones, or names that grow too long (bomb_suspected).
    """
    fields = list(schema)
    for _ in range(MAX_DEPTH + 1):
        if len(fields) > MAX_COLUMNS:
            raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")
        if sum(len(field.name) for field in fields) > _MOST_NAMES:
            problem = f"the names of its columns have more than {_MOST_NAMES:,} characters"
            raise refusal("bomb_suspected", problem)
        if not any(pt.is_struct(field.type) for field in fields):
            # Extension types, such as that for JSON, are read as the types in which they are stored.
            stored = [(field.name, getattr(field.type, "storage_type", field.type)) for field in fields]
            return pa.schema(stored, schema.metadata)
        fields = [part for field in fields for part in field.flatten()]
    raise refusal("bomb_suspected", f"structs are more than {MAX_DEPTH} deep in each other")


def _flatten(table: pa.Table) -> pa.Table:
    """Return a table with the values of structs as columns of their own, with names such as `user.name`."""
    while any(pt.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _open_table(schema: pa.Schema, options: ReadOptions) -> _Table:
    """Choose how a table is read, and map its columns to ours.

    Refuses a file whose text column does not have texts (text_column_type), and as `choose_reading` does.
    """
    reading = choose_reading(schema.names, options.profile)
    columns = select_columns(schema.names, reading.profile)
    for text in map(schema.field, columns.list_text()):
        if not (_is_textual(text.type) or pt.is_null(text.type)):
            problem = f"the values of column '{text.name}' are of type {text.type}"
            raise refusal("text_column_type", problem)
    return reading, schema.names, columns


def _decode_slices(batch: pa.RecordBatch, classes: _Classes, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield a batch without structs, in slices of about `most_bytes` bytes, each row of which has its own values."""
    flat = _flatten(pa.Table.from_batches([batch]))
    columns = [_decode(column.combine_chunks()) for column in flat.columns]
    for place, names in classes.items():
        columns[place] = pa.array(
            [_name_class(number, names) for number in columns[place].to_pylist()], pa.string()
        )
    decoded = pa.RecordBatch.from_arrays(columns, flat.schema.names)
    size = decoded.nbytes
    if size <= most_bytes and len(decoded):
        yield decoded
        return
    step = max(len(decoded) * most_bytes // max(size, 1), 1)
    yield from (decoded.slice(start, step) for start in range(0, len(decoded), step))


def _decode(array: pa.Array) -> pa.Array:
    """Return values of which several may lie in one place as values of which each has its own."""
    array = getattr(array, "storage", array)
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
    decoded = [
        _convert_known(column) if position in known else _convert_further(column)
        for position, column in enumerate(batch.columns)
    ]
    return make_raw_rows(table, decoded, number_rows(first_row, batch.num_rows), {})


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


# Names of classes. Hugging Face keeps them in the metadata of a schema, so that a label `0` is what the data set says,
# whichever class it counts first. A number below zero is null, since it writes -1 for a row without a label. What the
# metadata say is not trusted: only short names are taken, and a larger number without one stays as it is.

_CLASSES_KEY = b"huggingface"
_MOST_CLASS_BYTES = 1 << 20
"""Most bytes of metadata that are read."""
_LONGEST_CLASS = 100
_REPEATED = re.compile(r"\D*0*(\d+)", re.ASCII)
"""A name that may only repeat the number of its class, such as `LABEL_0`."""


def find_classes(schema: pa.Schema) -> _Classes:
    """Return the names that the metadata of a schema have for the classes in its columns of whole numbers."""
    stated = (schema.metadata or {}).get(_CLASSES_KEY, b"{}")
    try:
        features = json.loads(stated)["info"]["features"] if len(stated) <= _MOST_CLASS_BYTES else {}
        found = {name: _list_classes(feature) for name, feature in features.items()}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}
    counts = Counter(schema.names)
    return {
        place: found[column.name]
        for place, column in enumerate(schema)
        if counts[column.name] == 1 and pt.is_integer(column.type) and found.get(column.name)
    }


def _list_classes(feature: Any) -> list[str]:
    """Return the names of the classes of a feature; none if it is of another kind, or they say nothing."""
    names = (
        feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
    )
    if not isinstance(names, list) or not all(
        isinstance(name, str) and 0 < len(name) <= _LONGEST_CLASS and name.isprintable() for name in names
    ):
        return []
    repeated = map(_REPEATED.fullmatch, names)
    is_repeated = all(found and int(found[1]) == number for number, found in enumerate(repeated))
    return [] if is_repeated else names


def _name_class(number: int | None, names: Sequence[str]) -> str | None:
    """Return the name of a class; a larger number than is known stays, as a text."""
    if number is None or number < 0:
        return None
    return names[number] if number < len(names) else str(number)


# Arrow, ORC and Parquet


def _open_orc(file: IO[bytes], options: ReadOptions) -> _Opened:
    """Open a file, of which one stripe after the other is read."""
    import pyarrow.orc as pa_orc

    source = pa_orc.ORCFile(file)
    return source.schema, map(source.read_stripe, range(source.nstripes)), source.nrows


def _open_arrow(file: IO[bytes], options: ReadOptions) -> _Opened:
    """Open a file or a stream (Feather); the marks at the start tell which it is."""
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
    return source.schema, map(_check_batch, batches), None


def _check_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose offsets, sizes and dictionaries are valid."""
    arrays = [getattr(array, "storage", array) for array in batch.columns]
    for array in arrays:
        # As bytes, since a text that is not UTF-8 is a defect of its row.
        bytes_type = _AS_BYTES.get(array.type)
        (array if bytes_type is None else array.view(bytes_type)).validate(full=True)
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def _open_parquet(file: IO[bytes], options: ReadOptions) -> _Opened:
    """Open a file so that it takes little memory and pages are checked."""
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(
        file,
        pre_buffer=False,
        buffer_size=_BUFFER_BYTES,
        page_checksum_verification=True,
        arrow_extensions_enabled=False,
    )

    def decode() -> Iterator[pa.RecordBatch]:
        for group in range(parquet.num_row_groups):
            metadata = parquet.metadata.row_group(group)
            mean_row = metadata.total_byte_size // max(metadata.num_rows, 1)
            rows = max(min(_DECODED_ROWS, options.batch_rows, options.batch_bytes // max(mean_row, 1)), 1)
            yield from parquet.iter_batches(rows, row_groups=[group], use_threads=False)

    return parquet.schema_arrow, decode(), parquet.metadata.num_rows


read_parquet = partial(_read, "parquet_broken", _open_parquet)
read_orc = partial(_read, "orc_broken", _open_orc)
read_arrow = partial(_read, "arrow_broken", _open_arrow)
