"""Turns Arrow batches with columns of any type into raw rows; shared by the formats that Arrow reads.

Binary values of further columns that are not UTF-8 are kept as base64.

Reads numbers of classes as the names that Hugging Face keeps for them in the metadata of a schema.

So a label `0` is what the data set says, whichever class it counts first. A number below zero is null, since Hugging
Face writes -1 for a row without a label. What the metadata say is not trusted: only short names are taken, and a larger
number without one stays as it is.

Reads the rows of Arrow files and streams (Feather); runs in a process of its own (`separate_process`).

Data for shared memory is taken as it is, so every batch is checked before its values are used.

Reads the rows of ORC files, stripe after stripe; runs in a process of its own (`separate_process`).

Reads the rows of Parquet files with columns of any type; runs in a process of its own (`separate_process`).

A file of a few kilobytes may repeat one long text a million times. So only as many rows are decoded at a time as fit
into `DECODED_BYTES` even if each had the whole dictionary of every column. Other encodings, lists and wrong metadata
may also expand a thousandfold; against these the memory limit of the process protects. Page checksums are verified if
the file has them.
"""

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.orc as pa_orc
import pyarrow.parquet as pq
import pyarrow.types as pt

from tasks.reading.columns import MAX_COLUMNS, Columns, Reading, choose_reading, select_columns
from tasks.reading.rows import RawRows, ReadOptions, group_into_batches, make_raw_rows, require_rows
from tasks.reading.streams import ContainerLimits, Guard, limit
from tasks.reading.text import decode_column
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

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
    size = file.seek(0, io.SEEK_END)
    file.seek(place)
    return limit(limits.count_bytes(size, limits.member_bytes))


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


_KEY = b"huggingface"
_MOST_BYTES = 1 << 20
"""Most bytes of metadata that are read."""
_LONGEST_NAME = 100
_REPEATED = re.compile(r"\D*0*(\d+)", re.ASCII)
"""A name that may only repeat the number of its class, such as `LABEL_0`."""

Classes = Mapping[int, Sequence[str]]
"""The names of the classes, by the position of the column that has their numbers."""


def find_classes(schema: pa.Schema) -> Classes:
    """Return the names that the metadata of a schema has for the classes in its columns of whole numbers."""
    features = _load_features((schema.metadata or {}).get(_KEY, b""))
    counts = Counter(schema.names if features else ())
    named = {
        place: _list_names(features.get(column.name))
        for place, column in enumerate(schema)
        if counts[column.name] == 1 and pt.is_integer(column.type)
    }
    return {place: names for place, names in named.items() if names}


def name_classes(batches: Iterable[pa.RecordBatch], classes: Classes) -> Iterator[pa.RecordBatch]:
    """Yield batches with the names of classes in place of their numbers, at most `DECODED_ROWS` rows at a time."""
    for batch in batches:
        if not classes:
            yield batch
            continue
        for start in range(0, batch.num_rows, DECODED_ROWS):
            part = batch.slice(start, DECODED_ROWS)
            columns = [
                _name_column(column, classes[place]) if place in classes else column
                for place, column in enumerate(part.columns)
            ]
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _load_features(stated: bytes) -> dict[str, Any]:
    """Return the features of a data set by their names; none if what is stated is no such metadata."""
    if len(stated) > _MOST_BYTES:
        return {}
    try:
        found = json.loads(stated)
    except (ValueError, RecursionError):
        return {}
    for key in ("info", "features"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _list_names(feature: Any) -> list[str]:
    """Return the names of the classes of a feature; none if it is of another kind, or they say nothing."""
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return []
    names = feature.get("names")
    if not isinstance(names, list) or not all(map(_is_name, names)):
        return []
    repeated = map(_REPEATED.fullmatch, names)
    if all(found and int(found[1]) == number for number, found in enumerate(repeated)):
        return []
    return names


def _is_name(name: Any) -> bool:
    """Return whether a value of the metadata can be the name of a class."""
    return isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def _name_column(numbers: pa.Array, names: Sequence[str]) -> pa.Array:
    """Return the names of classes for their numbers: null for one below zero; larger ones than known stay, as texts."""
    values = [
        None if number is None or number < 0 else names[number] if number < len(names) else str(number)
        for number in numbers.to_pylist()
    ]
    return pa.array(values, pa.string())


_FILE_MARK, _OLD_FEATHER = b"ARROW1", b"FEA1"
_STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


def read_arrow(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of an Arrow file or stream; the first one gets the number `first_row`.

    Raises `FileRefusedError`: arrow_broken, bomb_suspected, and the rules of `read_arrow_rows`.
    """
    rows = 0
    with refusing("arrow_broken", lambda: f"it can't be read after row {rows:,}"):
        found, batches = _open(file)
        schema = _drop_extensions(found)
        if len(schema) > MAX_COLUMNS:
            raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")
        checked = _check_batches(batches, first_row, options.most_rows)
        named = name_classes(checked, find_classes(found))
        for raw in read_arrow_rows(schema, named, file, first_row, options):
            rows += len(raw.row_numbers)
            yield raw


def _open(file: IO[bytes]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the schema and the batches of a file or a stream; the marks at the start tell which it is."""
    file.seek(0)
    mark = file.read(len(_FILE_MARK))
    file.seek(0)
    if mark.startswith(_OLD_FEATHER):
        raise refusal("arrow_broken", "it is of the first version of Feather, which is no longer written")
    if mark == _FILE_MARK:
        source = pa.ipc.open_file(file)
        return source.schema, map(source.get_batch, range(source.num_record_batches))
    _require_end(file)
    stream = pa.ipc.open_stream(file)
    return stream.schema, iter(stream)


def _require_end(file: IO[bytes]) -> None:
    """Refuse a stream without its end mark: Arrow would take it to be whole."""
    if file.seek(0, io.SEEK_END) < len(_STREAM_END):
        raise refusal("arrow_broken", "it is too short for a stream")
    file.seek(-len(_STREAM_END), io.SEEK_END)
    if file.read() != _STREAM_END:
        raise refusal("arrow_broken", "it ends without an end mark")
    file.seek(0)


def _drop_extensions(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the types in which extension types, such as that for JSON, are stored."""
    return pa.schema([(field.name, getattr(field.type, "storage_type", field.type)) for field in schema])


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


def read_orc(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of an ORC file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: orc_broken, bomb_suspected, and the rules of `read_arrow_rows`.
    """
    rows = 0
    with refusing("orc_broken", lambda: f"it can't be read after row {rows:,}"):
        source = pa_orc.ORCFile(file)
        require_rows(first_row - 1 + source.nrows, options.most_rows)
        if len(source.schema) > MAX_COLUMNS:
            raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")
        for raw in read_arrow_rows(source.schema, _read_stripes(source), file, first_row, options):
            rows += len(raw.row_numbers)
            yield raw
        if rows != source.nrows:
            raise refusal("orc_broken", f"it states {count(source.nrows, 'row')} and has {rows:,}")


def _read_stripes(source: "pa_orc.ORCFile") -> Iterator[pa.RecordBatch]:
    """Yield the stripes of a file."""
    for number in range(source.nstripes):
        yield source.read_stripe(number)


BUFFER_BYTES = 1 << 20
DECODED_BYTES = 256 << 20


def read_parquet(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
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
