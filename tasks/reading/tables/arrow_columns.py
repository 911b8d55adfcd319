"""Turns Arrow batches with columns of any type into raw rows; shared by the formats that Arrow reads.

Binary values of further columns that are not UTF-8 are kept as base64.
"""

import base64
import io
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tasks.containers.unpacking_limits import ContainerLimits, Guard, limit_bytes
from tasks.reading.columns import Columns, Reading, choose_reading, select_columns
from tasks.reading.encodings import decode_column
from tasks.reading.grouping_items import group_into_batches
from tasks.reading.options import ReadOptions
from tasks.reading.raw_rows import RawRows, make_raw_rows
from tasks.support.refusals import refusal

DECODED_ROWS = 512
"""Most rows that are decoded at a time; they are combined into batches afterwards."""

ArrowTable = tuple[Reading, list[str], Columns]
"""How a table is read, the names of its columns, and which of them become ours."""
_Column = tuple[pa.Array, dict[int, bytes]]  # [n] values; position -> bytes that are not UTF-8


def choose_arrow_reading(schema: pa.Schema, options: ReadOptions) -> ArrowTable:
    """Choose how a table is read, and map its columns to ours; one whose type does not fit is a further column.

    Refuses a file whose text column does not have texts (text_column_type), and as `choose_reading` does.
    """
    reading = choose_reading(schema.names, options.profile, options.text_column)
    columns = select_columns(schema.names, reading.profile)
    for place in columns.list_text():
        text = schema.field(place)
        if not (_is_textual(text.type) or pt.is_null(text.type)):
            problem = f"the values of column '{text.name}' are of type {text.type}"
            raise refusal("text_column_type", problem)
    known = {ours: place for ours, place in columns.known.items() if _is_plain(schema.field(place).type)}
    others = {schema.names[place]: place for ours, place in columns.known.items() if ours not in known}
    return reading, schema.names, Columns(known, {**columns.further, **others})


def read_arrow_rows(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    file: IO[bytes],
    first_row: int,
    options: ReadOptions,
) -> Iterator[RawRows]:
    """Yield the raw rows of batches of any size; the first row gets the number `first_row`.

    Raises `FileRefusedError`: bomb_suspected, and the rules of `choose_arrow_reading`.
    """
    table = choose_arrow_reading(schema, options)
    guard = limit_decoded(file, options.limits)
    slices = (
        small
        for batch in batches
        for start in range(0, batch.num_rows, DECODED_ROWS)
        for small in decode_slices(batch.slice(start, DECODED_ROWS), guard, options.batch_bytes)
    )
    most = max(options.batch_rows // DECODED_ROWS, 1)
    for group in group_into_batches(slices, lambda part: part.nbytes, most, options.batch_bytes):
        batch = pa.concat_batches(group)
        yield make_arrow_rows(batch, table, first_row)
        first_row += batch.num_rows


def limit_decoded(file: IO[bytes], limits: ContainerLimits) -> Guard:
    """Return a guard for the bytes that a file's rows take once they are decoded; the file's position stays."""
    place = file.tell()
    allowed = max(limits.unsuspected_bytes, limits.ratio * file.seek(0, io.SEEK_END))
    file.seek(place)
    return limit_bytes(min(limits.member_bytes, allowed), "it")


def make_arrow_rows(batch: pa.RecordBatch, table: ArrowTable, first_row: int) -> RawRows:
    """Return a batch of n rows as raw rows; the first one gets the number `first_row`."""
    numbers = pa.array(np.arange(first_row, first_row + batch.num_rows), pa.int64())
    columns = table[2]
    known = set(columns.known.values()) - set(columns.further.values())
    decoded = [
        convert_known(array) if position in known else _convert_further(array)
        for position, array in enumerate(batch.columns)
    ]
    return make_raw_rows(table, decoded, numbers, {})


def decode_slices(batch: pa.RecordBatch, guard: Guard, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield a batch with its dictionaries decoded, in slices of about `most_bytes` bytes; `guard` gets their bytes."""
    decoded = batch
    if any(map(pt.is_dictionary, batch.schema.types)):
        decoded = pa.RecordBatch.from_arrays(list(map(_decode_dictionary, batch.columns)), batch.schema.names)
    size = decoded.nbytes
    guard(size)
    if size <= most_bytes and len(decoded):
        yield decoded
        return
    step = max(len(decoded) * most_bytes // max(size, 1), 1)
    yield from (decoded.slice(start, step) for start in range(0, len(decoded), step))


def _decode_dictionary(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pt.is_dictionary(array.type) else array


def convert_known(array: pa.Array) -> _Column:
    """Return the values of one of our columns as texts: whole numbers without a decimal point, times in UTC."""
    if _is_textual(array.type):
        return decode_column(array.cast(pa.binary()))
    if pt.is_floating(array.type):  # as its type writes it: 4.4 of a short one has no further digits
        numbers = array.cast(pa.float32()) if pt.is_float16(array.type) else array
        return pc.if_else(pc.is_finite(numbers), numbers.cast(pa.string()), None), {}
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


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether a column of this type can have ids, dates, labels or ratings."""
    value = kind.value_type if pt.is_dictionary(kind) else kind
    tests = (pt.is_null, pt.is_boolean, pt.is_integer, pt.is_floating, pt.is_decimal)
    times = (pt.is_date, pt.is_time, pt.is_timestamp)
    return _is_textual(value) or any(test(value) for test in (*tests, *times))
