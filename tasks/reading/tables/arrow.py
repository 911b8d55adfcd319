"""Reads the rows of Arrow files and streams (Feather); runs in a process of its own (`separate_process`).

Data for shared memory is taken as it is, so every batch is checked before its values are used.
"""

import io
from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.ipc

from tasks.reading.columns import MAX_COLUMNS
from tasks.reading.options import ReadOptions, require_rows
from tasks.reading.raw_rows import RawRows
from tasks.reading.tables.arrow_columns import read_arrow_rows
from tasks.reading.tables.class_names import find_classes, name_classes
from tasks.support.refusals import refusal, refusing

_FILE_MARK, _OLD_FEATHER = b"ARROW1", b"FEA1"
_STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
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
