"""Reads the rows of Avro files; runs in a process of its own.

Nested records become columns with dotted names, as in JSON documents. The codecs that fastavro has no library for are
decompressed by Arrow.
"""

import base64
import datetime as dt
import io
import math
from collections.abc import Callable, Iterator
from typing import IO, Any

import fastavro
import pyarrow as pa
from fastavro.io.binary_decoder import BinaryDecoder
from fastavro.read import BLOCK_READERS, LOGICAL_READERS

from data_contracts.errors import ReviewsError
from tasks.reading.columns import MOST_NAMES
from tasks.reading.json_files import ObjectRow, make_batches, make_row
from tasks.reading.rows import RawRows, ReadOptions
from tasks.support.refusals import refusal, refusing

_CHECKSUM_BYTES = 4
_DECODER: Any = BinaryDecoder
"""It reads the values of a file; it is not typed."""
_LOGICAL_READERS: Any = {**LOGICAL_READERS}


def read_avro(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of an Avro file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: avro_broken, bomb_suspected, and the rules of `choose_reading`.
    """
    BLOCK_READERS.update(snappy=_read_snappy, zstandard=_read_zstd)
    LOGICAL_READERS.update({kind: _keep_odd(kind, read) for kind, read in _LOGICAL_READERS.items()})
    rows = 0
    try:
        with refusing("avro_broken", lambda: f"it can't be read after row {rows:,}"):
            for raw in make_batches(_read_records(file), _measure, _make_row, first_row, options):
                rows += len(raw.row_numbers)
                yield raw
    except ReviewsError:
        raise
    except Exception as error:  # on a damaged schema, fastavro raises errors of all kinds
        raise refusal("avro_broken", f"it can't be read after row {rows:,}") from error


def _keep_odd(kind: str, read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reader of values of a kind, such as dates, that writes out as stored what Python can't represent.

    The kind comes before the number, which may else be taken for a moment of its own.
    """

    def read_or_keep(value: Any, *schemas: Any) -> Any:
        try:
            return read(value, *schemas)
        except (ArithmeticError, ValueError):
            return f"{kind} {value}"

    return read_or_keep


# Blocks


def _read_records(file: IO[bytes]) -> Iterator[Any]:
    """Yield the records of all blocks; refuse a block that has more than it states."""
    blocks = fastavro.block_reader(file, handle_unicode_errors="surrogateescape")
    if len(blocks.metadata["avro.schema"]) > MOST_NAMES:  # each record has its names
        raise refusal("bomb_suspected", f"its schema has more than {MOST_NAMES:,} characters, the limit here")
    for block in blocks:
        yield from block
        if block.bytes_.read(1):  # type: ignore[attr-defined]
            raise refusal("avro_broken", f"a block states {block.num_records:,} records and has more")


def _read_snappy(file: IO[bytes]) -> io.BytesIO:
    """Read a block that is compressed by snappy: its unpacked size, its data, and four bytes of checksum."""
    data = _DECODER(file).read_bytes()[:-_CHECKSUM_BYTES]
    # The decoder takes the size for an integer in Avro's zigzag encoding: 0, -1, 1, -2, ...
    taken = _DECODER(io.BytesIO(data)).read_long()
    size = 2 * taken if taken >= 0 else -2 * taken - 1
    return io.BytesIO(pa.Codec("snappy").decompress(data, size, asbytes=True))


def _read_zstd(file: IO[bytes]) -> io.BytesIO:
    """Read a block that is compressed by zstd."""
    data = _DECODER(file).read_bytes()
    return io.BytesIO(pa.CompressedInputStream(pa.BufferReader(data), "zstd").read())


# Records


def _measure(value: Any) -> int:
    """Return roughly the bytes of a value."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_measure, value.values())) + len(value)
    return sum(map(_measure, value)) if isinstance(value, list) else 8


def _make_row(record: Any) -> ObjectRow:
    """Return the columns of a record, and its defect if it has one."""
    if not isinstance(record, dict):
        raise refusal("avro_broken", "its items are no records")
    return make_row(_simplify(record), None)


def _simplify(value: Any) -> Any:
    """Return a value as one that JSON has: times as texts, bytes as texts or base64, no NaN."""
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, dict):
        return {name: _simplify(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_simplify(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
